"""The orders of a file in temporary tables, before anything is decided.

``incoming_line`` holds a row for each line, with what its order says beside;
``incoming_order`` one for each order, with its sums and the keys that it will have.
Both are gone with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from psycopg import sql
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from .superstore import ImportedOrder

LINES = sql.Identifier("incoming_line")
ORDERS = sql.Identifier("incoming_order")

COLUMNS = {
    "reference": "text",
    "order_line_number": "bigint",
    "placed_at": "timestamptz",
    "shipped_at": "timestamptz",
    "customer_name": "text",
    "customer_reference": "text",
    "shipping_address": "jsonb",
    "line_number": "bigint",
    "position": "integer",
    "sku": "text",
    "name": "text",
    "quantity": "integer",
    "unit_price": "numeric",
    "discount_total": "numeric",
    "line_total": "numeric",
}

GATHER = sql.SQL(
    """
    CREATE TEMPORARY TABLE {orders} ON COMMIT DROP AS
    SELECT gen_random_uuid() AS id, gen_random_uuid() AS payment_id,
        gen_random_uuid() AS parcel_id, reference, order_line_number AS line_number,
        placed_at, shipped_at, customer_name, customer_reference, shipping_address,
        sums.*
    FROM {lines} JOIN (
        SELECT reference, count(*) AS line_count, sum(quantity) AS quantity,
            sum(quantity * unit_price) AS subtotal,
            sum(discount_total) AS discount_total, sum(line_total) AS grand_total
        FROM {lines} GROUP BY reference
    ) AS sums (of_reference, line_count, qty_ordered, subtotal, discount_total,
        grand_total) ON of_reference = reference
    WHERE position = 1
    """
).format(orders=ORDERS, lines=LINES)


def stage(orders: Iterable[ImportedOrder]) -> None:
    """Send orders to the server as they are read, holding one at a time."""
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(sql_type))
        for name, sql_type in COLUMNS.items()
    ]
    execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(
            LINES, sql.SQL(", ").join(columns)
        )
    )
    _copy(orders)
    execute(GATHER)
    # Without statistics the planner takes tables of this size for tiny ones.
    execute(sql.SQL("ANALYZE {}, {}").format(LINES, ORDERS))


def execute(statement: sql.Composable) -> int:
    """Run a statement and return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


def _copy(orders: Iterable[ImportedOrder]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        LINES, sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    # Django does not wrap what it does not know of: COPY is psycopg's own.
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(statement) as copy,
    ):
        for order in orders:
            for row in _rows(order):
                copy.write_row(row)


def _rows(order: ImportedOrder) -> Iterator[tuple[object, ...]]:
    """Yield the lines of an order in the order of COLUMNS."""
    header = (
        order.reference,
        order.line_number,
        _midnight(order.placed_on),
        _midnight(order.shipped_on),
        order.customer_name,
        order.customer_reference,
        Jsonb(dict(order.shipping_address)),
    )
    for line in order.lines:
        yield (
            *header,
            line.line_number,
            line.position,
            line.sku,
            line.name,
            line.quantity,
            line.unit_price,
            line.discount_total,
            line.line_total,
        )


def _midnight(day: date) -> datetime:
    """Return the instant at which a day begins where the business is."""
    return datetime.combine(day, time(), ZoneInfo(settings.BUSINESS_TIME_ZONE))
