"""What a file says of orders that exist already, against what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection
from psycopg import sql

from orders.models import Order, OrderLine
from orders.services.timeline import table

from .errors import MOST_PROBLEMS, InvalidFile, Problem
from .facts import FACTS, MOVEMENTS
from .staging import LINES, ORDERS

# Orders of the file that are there, under their reference or, where they have none,
# under the number that an export gives for it. A number alone says little in another
# database; with the instant at which it was given it is the same order.
KNOWN = sql.SQL(
    """
    SELECT i.of_order, o.id FROM {incoming} AS i JOIN {orders} AS o
        ON o.channel = i.channel AND o.external_reference = i.external_reference
    UNION
    SELECT i.of_order, o.id FROM {incoming} AS i JOIN {orders} AS o
        ON o.number = i.number AND o.channel = i.channel
        AND o.external_reference = '' AND o.created_at = i.created_at
    """
).format(incoming=ORDERS, orders=table(Order))

HEADERS = sql.SQL(
    """
    SELECT i.line_number, difference.field, o.number
    FROM known JOIN {incoming} AS i USING (of_order) JOIN {orders} AS o
        ON o.id = known.id AND o.id <> i.id
    {movements}
    CROSS JOIN LATERAL (VALUES {differences}) AS difference (field, differs)
    WHERE difference.differs
    """
)

POSITIONS = sql.SQL(
    """
    SELECT i.line_number, difference.field, o.number
    FROM known JOIN {incoming} AS own USING (of_order) JOIN {orders} AS o
        ON o.id = known.id AND o.id <> own.id
    JOIN {lines} AS i USING (of_order)
    LEFT JOIN {order_lines} AS l ON l.order_id = o.id AND l.position = i.position
    CROSS JOIN LATERAL (VALUES {differences}) AS difference (field, differs)
    WHERE difference.differs AND i.position IS NOT NULL
    """
)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a format says that an order which exists must be like.

    Names of facts and of lines' columns, by the words in which a difference is told.
    """

    order: Mapping[str, str]
    line: Mapping[str, str]


def refuse_differences(compared: Compared) -> None:
    """Raise InvalidFile where an order that exists is not what the file says.

    Compares the staged orders with those that are known by their channel and
    reference, except the ones that carry the staged keys.
    """
    names = {"incoming": ORDERS, "orders": table(Order)}
    statement = sql.SQL(
        "WITH known AS MATERIALIZED ({}) {} UNION ALL {} ORDER BY 1, 2 LIMIT {}"
    ).format(
        KNOWN,
        HEADERS.format(
            movements=MOVEMENTS, differences=_of_orders(compared.order), **names
        ),
        POSITIONS.format(
            lines=LINES,
            order_lines=table(OrderLine),
            differences=_of_lines(compared.line),
            **names,
        ),
        sql.Literal(MOST_PROBLEMS),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        problems = [_problem(*row) for row in cursor]
    if problems:
        raise InvalidFile(problems, is_complete=len(problems) < MOST_PROBLEMS)


def _of_orders(compared: Mapping[str, str]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("({}, {} IS DISTINCT FROM i.{})").format(
            sql.Literal(words), FACTS[name], sql.Identifier(name)
        )
        for words, name in compared.items()
    )


def _of_lines(compared: Mapping[str, str]) -> sql.Composable:
    """Return the differences of a line, or that the order has none at its position."""
    missing = sql.SQL("('position', l.id IS NULL)")
    differing = (
        sql.SQL("({}, l.{column} <> i.{column})").format(
            sql.Literal(words), column=sql.Identifier(name)
        )
        for words, name in compared.items()
    )
    return sql.SQL(", ").join([missing, *differing])


def _problem(line_number: int, field: str, number: int) -> Problem:
    return Problem(
        lines=(line_number,),
        field=field,
        sentence=f"differs from order #{number}, which has this reference already",
        remedy="Correct the file, take the order out, or give it its own reference",
    )
