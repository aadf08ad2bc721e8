"""The orders of a file in temporary tables, before anything is decided.

``incoming_line`` holds a row for each line, the first of an order with what the order
says once; ``incoming_order`` one for each order, with its sums and the keys that it
will have. Both are gone with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from django.db import connection
from psycopg import sql
from psycopg.types.json import Jsonb

from orders.models.order import JSON_LIMIT

from .errors import InvalidFile, Problem

if TYPE_CHECKING:
    from .imported import ImportedOrder

LINES = sql.Identifier("incoming_line")
ORDERS = sql.Identifier("incoming_order")

# The attributes of an imported order and of its lines, as the server takes them.
ORDER_COLUMNS = {
    "channel": "text",
    "external_reference": "text",
    "status": "text",
    "cancel_reason": "text",
    "close_reason": "text",
    "source": "text",
    "payment_mode": "text",
    "currency": "text",
    "order_discount": "numeric",
    "order_tax": "numeric",
    "shipping_total": "numeric",
    "authorized_total": "numeric",
    "captured_total": "numeric",
    "refunded_total": "numeric",
    "charged_back_total": "numeric",
    "customer_email": "text",
    "customer_name": "text",
    "customer_reference": "text",
    "billing_address": "jsonb",
    "shipping_address": "jsonb",
    "created_at": "timestamptz",
    "placed_at": "timestamptz",
    "completed_at": "timestamptz",
    "closed_at": "timestamptz",
    "cancelled_at": "timestamptz",
    "updated_at": "timestamptz",
    "authorized_at": "timestamptz",
    "captured_at": "timestamptz",
    "refunded_at": "timestamptz",
    "charged_back_at": "timestamptz",
    "shipped_at": "timestamptz",
    "delivered_at": "timestamptz",
    "returned_at": "timestamptz",
    "payment_due_at": "timestamptz",
    "hold_reason": "text",
    "hold_until": "timestamptz",
    "automation_exempt": "boolean",
    "attention": "varchar[]",
    "tags": "varchar[]",
    "metadata": "jsonb",
}
LINE_COLUMNS = {
    "line_number": "bigint",
    "position": "integer",
    "sku": "text",
    "name": "text",
    "quantity": "integer",
    "unit_price": "numeric",
    "discount_total": "numeric",
    "tax_total": "numeric",
    "line_total": "numeric",
    "requires_shipping": "boolean",
    "qty_fulfilled": "integer",
    "qty_returned": "integer",
    "qty_cancelled": "integer",
}
# Which order of the file; where it begins stands on its first row alone.
KEYS = {"of_order": "bigint", "order_line_number": "bigint"}
COLUMNS = KEYS | ORDER_COLUMNS | LINE_COLUMNS

GATHER = sql.SQL(
    """
    CREATE TEMPORARY TABLE {orders} ON COMMIT DROP AS
    SELECT gen_random_uuid() AS id, gen_random_uuid() AS parcel_id,
        gen_random_uuid() AS return_id, of_order, order_line_number AS line_number,
        CASE WHEN external_reference ~ '^#[0-9]{{1,18}}$'
            THEN substr(external_reference, 2)::bigint END AS number,
        {columns}, line_count, qty_ordered, subtotal,
        discounts + order_discount AS discount_total, taxes + order_tax AS tax_total,
        subtotal - discounts - order_discount + shipping_total + taxes + order_tax
            AS grand_total
    FROM {lines} JOIN (
        SELECT of_order, count(position) AS line_count,
            COALESCE(sum(quantity) FILTER (WHERE requires_shipping), 0) AS qty_ordered,
            COALESCE(sum(quantity * unit_price), 0) AS subtotal,
            COALESCE(sum(discount_total), 0) AS discounts,
            COALESCE(sum(tax_total), 0) AS taxes
        FROM {lines} GROUP BY of_order
    ) AS sums USING (of_order)
    WHERE order_line_number IS NOT NULL
    """
).format(
    orders=ORDERS,
    lines=LINES,
    columns=sql.SQL(", ").join(map(sql.Identifier, ORDER_COLUMNS)),
)


def stage(orders: Iterable[ImportedOrder]) -> None:
    """Send orders to the server as they are read, holding one at a time.

    Raises InvalidFile for what only the server can measure.
    """
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
    _refuse_large_metadata()


def execute(statement: sql.Composable) -> int:
    """Run a statement and return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


def _refuse_large_metadata() -> None:
    """Measure as the column's constraint does: it writes 1e300 with all its digits."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT line_number FROM {} WHERE octet_length(metadata::text) > {}"
                " ORDER BY line_number LIMIT 1"
            ).format(ORDERS, sql.Literal(JSON_LIMIT))
        )
        rows = cursor.fetchall()
    for line_number in rows:
        problem = Problem(
            lines=line_number,
            field="metadata",
            sentence=f"is larger than {JSON_LIMIT} bytes",
            remedy="Shorten it",
        )
        raise InvalidFile([problem], is_complete=False)


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
        for of_order, order in enumerate(orders):
            for row in _rows(of_order, order):
                copy.write_row(row)


def _rows(of_order: int, order: ImportedOrder) -> Iterator[list[object]]:
    """Yield the lines of an order in the order of COLUMNS, at least one."""
    once: list[object] = [order.line_number, *_values(order, ORDER_COLUMNS)]
    for line in order.lines:
        yield [of_order, *once, *_values(line, LINE_COLUMNS)]
        once = [None] * len(once)
    if not order.lines:
        yield [of_order, *once, *[None] * len(LINE_COLUMNS)]


def _values(source: object, columns: Mapping[str, str]) -> list[object]:
    return [
        _sent(getattr(source, name), sql_type) for name, sql_type in columns.items()
    ]


def _sent(value: object, sql_type: str) -> object:
    """Return a value in the type that psycopg sends as the column's."""
    if sql_type == "jsonb":
        return Jsonb(value)
    return list(value) if isinstance(value, tuple) else value
