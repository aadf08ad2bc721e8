"""Write orders in the "orderdesk" format, line by line as the server sends them."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from django.db import connection, transaction
from psycopg import sql

from orders.exceptions import OrderError
from orders.models import Order, OrderLine
from orders.money import round_money
from orders.services.drafting import ZERO
from orders.services.timeline import table

from .cells import escape
from .errors import MOST_PROBLEMS
from .facts import FACTS, MOVEMENTS
from .grouping import MOST_LINES
from .orderdesk import ADDRESSES, COLUMNS, LINE_ATTRIBUTES, LINE_CELLS, ORDER_CELLS
from .staging import execute

if TYPE_CHECKING:
    from .cells import Cell

    Row = tuple[Any, ...]

# Rows that come over at a time: enough to be fast, few enough to hold.
ROWS_AT_A_TIME = 500
CELLS: tuple[Cell, ...] = (*ORDER_CELLS.values(), *LINE_CELLS.values())

# What the format cannot represent, as SQL over ``o``, and what to do about it.
NAMES = {"orders": table(Order), "lines": table(OrderLine)}
OBSTACLES = {
    "has a payment that is pending. Settle it": sql.SQL("o.payments_pending > 0"),
    "has a return that is open. Receive or cancel it": sql.SQL("o.returns_open > 0"),
    f"has more than {MOST_LINES:,} lines. Leave it out": sql.SQL(
        "(SELECT count(*) FROM {lines} WHERE order_id = o.id) > {most}"
    ).format(most=sql.Literal(MOST_LINES), **NAMES),
    "has totals that its lines do not add up to. Leave it out": sql.SQL(
        """
        NOT EXISTS (
            SELECT FROM {lines} WHERE order_id = o.id
            HAVING o.subtotal = COALESCE(sum(quantity * unit_price), 0)
            AND o.discount_total = o.order_discount + COALESCE(sum(discount_total), 0)
            AND o.tax_total = o.order_tax + COALESCE(sum(tax_total), 0)
        )
        """
    ).format(**NAMES),
    "has no reference, and its number is that of another. Give it one": sql.SQL(
        """
        o.external_reference = '' AND EXISTS (
            SELECT FROM {orders} AS other WHERE other.channel = o.channel
            AND other.external_reference = '#' || o.number
        )
        """
    ).format(**NAMES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which orders to export, empty for all; ``leave_out`` those that cannot be."""

    statuses: Sequence[str] = ()
    channels: Sequence[str] = ()
    leave_out: bool = False


class Exported(NamedTuple):
    """What was written, and sentences about at most fifty orders that were not."""

    orders: int
    lines: int
    totals: dict[str, Decimal]
    left_out: list[str]


class NotCarried(OrderError):  # noqa: N818 - a refusal, named as staff would
    """Orders that the format cannot represent completely; nothing was written."""

    def __init__(self, sentences: list[str]) -> None:
        more = ["There may be more."] if len(sentences) == MOST_PROBLEMS else []
        super().__init__("\n".join([*sentences, *more]))
        self.sentences = sentences


def export_orders(
    to: TextIO,
    selection: Selection,
    *,
    on_count: Callable[[int], object],
    on_order: Callable[[], object],
) -> Exported:
    """Write the orders as they are at one instant, by number.

    Raises NotCarried, before anything is written, if an order cannot be represented
    and is not to be left out. ``on_count`` receives the number of orders in advance,
    ``on_order`` is called for each. Holds a few hundred lines in memory.
    """
    chosen = _chosen(selection)
    with _snapshot():
        obstacles = _obstacles(chosen)
        if obstacles and not selection.leave_out:
            raise NotCarried(obstacles)
        if obstacles:
            chosen = sql.SQL("{} AND NOT ({})").format(
                chosen, sql.SQL(" OR ").join(OBSTACLES.values())
            )
        on_count(_count(chosen))
        return _write(to, chosen, on_order)._replace(left_out=obstacles)


@contextmanager
def _snapshot() -> Iterator[None]:
    """See one state of the database for as long as the export takes."""
    with transaction.atomic(durable=True):
        execute(sql.SQL("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        execute(sql.SQL("SET LOCAL statement_timeout = 0"))
        execute(sql.SQL("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield


def _chosen(selection: Selection) -> sql.Composable:
    """Return the condition over ``o`` of what was asked for."""
    conditions = [
        sql.SQL("o.{} = ANY({})").format(sql.Identifier(column), sql.Literal(values))
        for column, values in (
            ("status", list(selection.statuses)),
            ("channel", list(selection.channels)),
        )
        if values
    ]
    return sql.SQL(" AND ").join([sql.SQL("true"), *conditions])


def _obstacles(chosen: sql.Composable) -> list[str]:
    statement = sql.SQL(
        """
        SELECT o.number, obstacle.sentence FROM {orders} AS o
        CROSS JOIN LATERAL (VALUES {obstacles}) AS obstacle (sentence, is_there)
        WHERE obstacle.is_there AND {chosen} ORDER BY o.number LIMIT {most}
        """
    ).format(
        orders=table(Order),
        obstacles=sql.SQL(", ").join(
            sql.SQL("({}, {})").format(sql.Literal(sentence), condition)
            for sentence, condition in OBSTACLES.items()
        ),
        chosen=chosen,
        most=sql.Literal(MOST_PROBLEMS),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [f"Order #{number} {sentence}." for number, sentence in cursor]


def _count(chosen: sql.Composable) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT count(*) FROM {} AS o WHERE {}").format(
                table(Order), chosen
            )
        )
        (count,) = cursor.fetchone()
    return int(count)


def _write(
    to: TextIO, chosen: sql.Composable, on_order: Callable[[], object]
) -> Exported:
    # Python before 3.13 leaves a lone CR bare unless lines end with it.
    writer = csv.writer(to, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    order_count = line_count = 0
    totals: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for (_, currency, total), rows in groupby(_rows(chosen), key=itemgetter(0, 1, 2)):
        for row in rows:
            writer.writerow(_texts(row[3:], currency))
            line_count += row[-1] is not None
        order_count += 1
        totals[currency] += total
        on_order()
    return Exported(order_count, line_count, dict(totals), [])


def _rows(chosen: sql.Composable) -> Iterator[Row]:
    """Yield a row for each line: number, currency and total, then the cells."""
    statement = sql.SQL(
        """
        SELECT o.number, o.currency, o.grand_total, {cells}
        FROM {orders} AS o {movements} LEFT JOIN {lines} AS l ON l.order_id = o.id
        WHERE {chosen} ORDER BY o.number, l.position
        """
    ).format(
        cells=sql.SQL(", ").join(
            [*map(_order_cell, ORDER_CELLS), *map(_line_cell, LINE_CELLS)]
        ),
        movements=MOVEMENTS,
        chosen=chosen,
        **NAMES,
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            yield from rows


def _order_cell(column: str) -> sql.Composable:
    if column not in ADDRESSES:
        return FACTS[column]
    address, name = ADDRESSES[column]
    return sql.SQL("COALESCE(o.{} ->> {}, '')").format(
        sql.Identifier(address), sql.Literal(name)
    )


def _line_cell(column: str) -> sql.Composable:
    return sql.SQL("l.{}").format(sql.Identifier(LINE_ATTRIBUTES[column]))


def _texts(values: Row, currency: str) -> list[str]:
    return [
        escape(_shown(cell, value, currency))
        for cell, value in zip(CELLS, values, strict=True)
    ]


def _shown(cell: Cell, value: object, currency: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return cell.show(round_money(value, currency))
    return cell.show(value)
