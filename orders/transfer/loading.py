"""Write the orders of a file into the desk's tables, all of them or none.

What they sum up to is worked out by the queries of ``orders.services.totals``. The
rest is history: no stock is reserved or taken, no due date is set, no policy is
asked. Everything goes by set, in a number of statements that does not depend on the
size of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from django.db import OperationalError, connection, transaction
from psycopg import errors, sql

from orders.exceptions import OrdersBusy
from orders.models import Fulfillment, FulfillmentLine, Order, OrderLine, Payment
from orders.services.timeline import table
from orders.services.totals import (
    payment_columns,
    payment_sums,
    quantity_columns,
    quantity_sums,
)

from .comparing import refuse_differences
from .history import WAS_PAID, actor_columns, event_count, write_history
from .inserting import insert
from .staging import LINES, ORDERS, execute, stage

if TYPE_CHECKING:
    from orders.models import Actor

    from .superstore import ImportedOrder

STAGED = sql.SQL("FROM {} AS i").format(ORDERS)
STAGED_IDS = sql.SQL("ARRAY(SELECT id FROM {})").format(ORDERS)
BUSY = (errors.LockNotAvailable, errors.DeadlockDetected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the orders of a file come from, and who brings them."""

    channel: str
    currency: str
    file_name: str
    by: Actor


class Imported(NamedTuple):
    """What became of a file. ``lines`` and ``total`` are those of all its orders."""

    created: int
    unchanged: int
    lines: int
    total: Decimal


def load_orders(orders: Iterable[ImportedOrder], provenance: Provenance) -> Imported:
    """Create the orders that are not there yet, in one transaction of its own.

    An order whose reference its channel has already must be as the file says; it is
    not written. Raises InvalidFile, also out of ``orders``, with what differs. Two
    loads at once give each order once: the unique reference decides, and the second
    waits for the first; raises OrdersBusy where it waits too long. Whatever is
    raised, nothing is kept.
    """
    try:
        with transaction.atomic(durable=True):
            # Somebody waits for a file of any size, and can stop it.
            execute(sql.SQL("SET LOCAL statement_timeout = 0"))
            stage(orders)
            return _load(provenance)
    except OperationalError as error:
        if not isinstance(error.__cause__, BUSY):
            raise
    raise OrdersBusy("Other changes hold orders of this file; try again in a moment.")


def _load(provenance: Provenance) -> Imported:
    lines, total = _sums()
    created = _insert_orders(provenance)
    # A statement after the insert sees whatever another connection won with.
    refuse_differences(provenance.channel, provenance.currency)
    unchanged = _forget_known()
    _insert_lines()
    _insert_payments(provenance)
    _insert_parcels()
    _sum_up()
    write_history(provenance)
    return Imported(created, unchanged, lines, total)


def _sums() -> tuple[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT COALESCE(sum(line_count), 0), COALESCE(sum(grand_total), 0) {}"
            ).format(STAGED)
        )
        lines, total = cursor.fetchone()
    return int(lines), total


def _insert_orders(provenance: Provenance) -> int:
    """Insert what is not there, in one order for all: so loads cannot deadlock."""
    source = sql.SQL(
        """
        {staged} WHERE NOT EXISTS (
            SELECT FROM {orders}
            WHERE channel = {channel} AND external_reference = i.reference
        )
        ORDER BY i.reference
        ON CONFLICT (channel, external_reference) WHERE external_reference <> ''
            DO NOTHING
        """
    ).format(
        staged=STAGED, orders=table(Order), channel=sql.Literal(provenance.channel)
    )
    return execute(
        insert(
            Order,
            {
                "id": "i.id",
                "channel": sql.Literal(provenance.channel),
                "external_reference": "i.reference",
                "status": sql.Literal(Order.Status.OPEN.value),
                "source": sql.Literal(Order.Source.IMPORT.value),
                "payment_mode": sql.Literal(Order.PaymentMode.OFFLINE.value),
                "currency": sql.Literal(provenance.currency),
                "subtotal": "i.subtotal",
                "discount_total": "i.discount_total",
                "grand_total": "i.grand_total",
                "qty_ordered": "i.qty_ordered",
                "customer_name": "i.customer_name",
                "customer_reference": "i.customer_reference",
                "shipping_address": "i.shipping_address",
                "created_at": "i.placed_at",
                "placed_at": "i.placed_at",
                "updated_at": "i.shipped_at",
                "event_seq": event_count(),
            },
            source,
        )
    )


def _forget_known() -> int:
    """Leave only the orders that were inserted; return how many were there before."""
    return execute(
        sql.SQL(
            "DELETE FROM {} AS i WHERE NOT EXISTS (SELECT FROM {} WHERE id = i.id)"
        ).format(ORDERS, table(Order))
    )


def _insert_lines() -> None:
    execute(
        insert(
            OrderLine,
            {
                "order_id": "i.id",
                "position": "l.position",
                "sku": "l.sku",
                "name": "l.name",
                "quantity": "l.quantity",
                "unit_price": "l.unit_price",
                "discount_total": "l.discount_total",
                "line_total": "l.line_total",
                "qty_fulfilled": "l.quantity",
            },
            sql.SQL("{} JOIN {} AS l USING (reference) ORDER BY l.line_number").format(
                STAGED, LINES
            ),
        )
    )


def _insert_payments(provenance: Provenance) -> None:
    """Record one capture of each total; nobody paid for what cost nothing."""
    execute(
        insert(
            Payment,
            {
                "id": "i.payment_id",
                "order_id": "i.id",
                "kind": sql.Literal(Payment.Kind.CAPTURE.value),
                "status": sql.Literal(Payment.Status.SUCCEEDED.value),
                "amount": "i.grand_total",
                "currency": sql.Literal(provenance.currency),
                "occurred_at": "i.shipped_at",
                "created_at": "i.shipped_at",
                **actor_columns(provenance.by),
            },
            sql.SQL(f"{{}} WHERE {WAS_PAID}").format(STAGED),
        )
    )


def _insert_parcels() -> None:
    """Record one parcel an order with all that it holds."""
    execute(
        insert(
            Fulfillment,
            {
                "id": "i.parcel_id",
                "order_id": "i.id",
                "direction": sql.Literal(Fulfillment.Direction.OUT.value),
                "status": sql.Literal(Fulfillment.Status.DELIVERED.value),
                "created_at": "i.shipped_at",
                "shipped_at": "i.shipped_at",
                "delivered_at": "i.shipped_at",
            },
            STAGED,
        )
    )
    execute(
        insert(
            FulfillmentLine,
            {
                "fulfillment_id": "i.parcel_id",
                "line_id": "l.id",
                "quantity": "l.quantity",
            },
            sql.SQL("{} JOIN {} AS l ON l.order_id = i.id ORDER BY l.id").format(
                STAGED, table(OrderLine)
            ),
        )
    )


def _sum_up() -> None:
    """Work out what the orders' rows sum up, as every change of an order does.

    Payments come first and goods last, and complete the order at the ship date.
    """
    at = sql.SQL("i.shipped_at")
    for sums, columns in (
        (payment_sums(STAGED_IDS), payment_columns(at)),
        (quantity_sums(STAGED_IDS), quantity_columns(at)),
    ):
        execute(
            sql.SQL(
                "UPDATE {} AS o SET {} FROM ({}) AS s JOIN {} AS i ON i.id = s.order_id"
                " WHERE o.id = s.order_id"
            ).format(table(Order), _assignments(columns), sums, ORDERS)
        )


def _assignments(columns: Mapping[str, sql.Composable]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column), value)
        for column, value in columns.items()
    )
