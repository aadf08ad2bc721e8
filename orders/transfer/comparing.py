"""What a file says of orders that exist already, against what they are."""

from __future__ import annotations

from django.db import connection
from psycopg import sql

from orders.models import Fulfillment, Order, OrderLine
from orders.services.timeline import table

from .errors import MOST_PROBLEMS, InvalidFile, Problem
from .staging import LINES, ORDERS

# Each order of the file that is there under another key, with its first parcel.
KNOWN = sql.SQL(
    """
    SELECT i.*, o.id AS known_id, o.number AS known_number, parcel.first_shipped_at
    FROM {incoming} AS i JOIN {orders} AS o
        ON o.channel = {channel} AND o.external_reference = i.reference AND o.id <> i.id
    LEFT JOIN LATERAL (
        SELECT min(shipped_at) AS first_shipped_at FROM {parcels}
        WHERE order_id = o.id AND direction = 'out' AND status <> 'cancelled'
    ) AS parcel ON true
    """
)

HEADERS = sql.SQL(
    """
    SELECT i.line_number, difference.field, i.known_number
    FROM known AS i JOIN {orders} AS o ON o.id = i.known_id
    CROSS JOIN LATERAL (VALUES
        ('order date', o.placed_at IS DISTINCT FROM i.placed_at),
        ('ship date', i.first_shipped_at IS DISTINCT FROM i.shipped_at),
        ('customer name', o.customer_name <> i.customer_name),
        ('customer reference', o.customer_reference <> i.customer_reference),
        ('shipping address', o.shipping_address <> i.shipping_address),
        ('number of lines', i.line_count
            <> (SELECT count(*) FROM {order_lines} WHERE order_id = o.id)),
        ('total', (o.grand_total, o.currency) <> (i.grand_total, {currency}))
    ) AS difference (field, differs)
    WHERE difference.differs
    """
)

POSITIONS = sql.SQL(
    """
    SELECT l.line_number, difference.field, i.known_number
    FROM known AS i JOIN {lines} AS l USING (reference)
    JOIN {order_lines} AS o ON o.order_id = i.known_id AND o.position = l.position
    CROSS JOIN LATERAL (VALUES
        ('SKU', o.sku <> l.sku),
        ('name', o.name <> l.name),
        ('quantity', o.quantity <> l.quantity),
        ('unit price', o.unit_price <> l.unit_price),
        ('discount', o.discount_total <> l.discount_total),
        ('line total', o.line_total <> l.line_total)
    ) AS difference (field, differs)
    WHERE difference.differs
    """
)


def refuse_differences(channel: str, currency: str) -> None:
    """Raise InvalidFile where an order that exists is not what the file says.

    Compares dates, customer, lines and amounts of the staged orders with those of
    the same channel and reference, except the ones that carry the staged keys.
    What staff or the sweep did since (a note, a refund, closing) is no difference.
    """
    names = {
        "incoming": ORDERS,
        "lines": LINES,
        "orders": table(Order),
        "order_lines": table(OrderLine),
        "parcels": table(Fulfillment),
        "channel": sql.Literal(channel),
        "currency": sql.Literal(currency),
    }
    statement = sql.SQL(
        "WITH known AS MATERIALIZED ({}) {} UNION ALL {} ORDER BY 1, 2 LIMIT {}"
    ).format(
        KNOWN.format(**names),
        HEADERS.format(**names),
        POSITIONS.format(**names),
        sql.Literal(MOST_PROBLEMS),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        problems = [_problem(*row) for row in cursor]
    if problems:
        raise InvalidFile(problems, is_complete=len(problems) < MOST_PROBLEMS)


def _problem(line_number: int, field: str, number: int) -> Problem:
    return Problem(
        lines=(line_number,),
        field=field,
        sentence=f"differs from order #{number}, which has this reference already",
        remedy="Correct the file, take the order out, or give it its own reference",
    )
