"""Write the orders of a file into the desk's tables, all of them or none.

Their totals are calculated by the queries of ``orders.services.totals``. The rest is
as the file says: no stock is reserved or taken, no due date is set and no policy is
consulted. The number of statements does not depend on the size of the file.
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

from .comparing import KNOWN, refuse_differences
from .history import actor_columns, event_count, write_history
from .inserting import insert
from .staging import LINES, ORDERS, execute, stage

if TYPE_CHECKING:
    from orders.models import Actor

    from .comparing import Compared
    from .imported import ImportedOrder

STAGED = sql.SQL("FROM {} AS i").format(ORDERS)
STAGED_IDS = sql.SQL("ARRAY(SELECT id FROM {})").format(ORDERS)
# What an order's row takes over from its staged twin, under the same name.
SAME_COLUMNS = (
    "id",
    "channel",
    "external_reference",
    "status",
    "cancel_reason",
    "close_reason",
    "source",
    "payment_mode",
    "currency",
    "subtotal",
    "order_discount",
    "order_tax",
    "discount_total",
    "shipping_total",
    "tax_total",
    "grand_total",
    "qty_ordered",
    "customer_email",
    "customer_name",
    "customer_reference",
    "billing_address",
    "shipping_address",
    "payment_due_at",
    "completed_at",
    "hold_reason",
    "hold_until",
    "automation_exempt",
    "attention",
    "tags",
    "metadata",
    "created_at",
    "placed_at",
    "closed_at",
    "cancelled_at",
    "updated_at",
)
BUSY = (errors.LockNotAvailable, errors.DeadlockDetected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the orders of a file come from, and who brings them."""

    file_name: str
    by: Actor


class Imported(NamedTuple):
    """What became of a file.

    ``lines`` and ``totals``, by currency, are those of all its orders.
    """

    created: int
    unchanged: int
    lines: int
    totals: dict[str, Decimal]


def load_orders(
    orders: Iterable[ImportedOrder], provenance: Provenance, compared: Compared
) -> Imported:
    """Create the orders that are not there yet, in one transaction of its own.

    An order whose reference its channel has already must be as the file says, in what
    is ``compared``; it is not written. Raises InvalidFile, also out of ``orders``, with
    what differs. Two loads at once give each order once: the unique reference decides,
    and the second waits for the first; raises OrdersBusy where it waits too long.
    Whatever is raised, nothing is kept.
    """
    try:
        with transaction.atomic(durable=True):
            # Somebody waits for a file of any size, and can stop it.
            execute(sql.SQL("SET LOCAL statement_timeout = 0"))
            # Everything works on whole sets. While the statistics still say that the
            # tables are empty, a plan for a few rows would take minutes.
            execute(sql.SQL("SET LOCAL enable_nestloop = off"))
            stage(orders)
            return _load(provenance, compared)
    except OperationalError as error:
        if not isinstance(error.__cause__, BUSY):
            raise
    raise OrdersBusy("Other changes hold orders of this file; try again in a moment.")


def _load(provenance: Provenance, compared: Compared) -> Imported:
    lines, totals = _sums()
    created = _insert_orders()
    # A statement after the insert also sees the orders of a concurrent import.
    refuse_differences(compared)
    unchanged = _forget_known()
    _insert_lines()
    _insert_payments(provenance)
    _insert_parcels()
    _sum_up()
    write_history(provenance)
    return Imported(created, unchanged, lines, totals)


def _sums() -> tuple[int, dict[str, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT currency, sum(line_count), sum(grand_total) {}"
                " GROUP BY currency ORDER BY currency"
            ).format(STAGED)
        )
        rows = cursor.fetchall()
    return (
        int(sum(lines for _, lines, _ in rows)),
        {currency: total for currency, _, total in rows},
    )


def _insert_orders() -> int:
    """Insert what is not there, in one order for all: so loads cannot deadlock."""
    source = sql.SQL(
        """
        {staged} WHERE of_order NOT IN (SELECT of_order FROM ({known}) AS known)
        ORDER BY i.channel, i.external_reference
        ON CONFLICT (channel, external_reference) WHERE external_reference <> ''
            DO NOTHING
        """
    ).format(staged=STAGED, known=KNOWN)
    columns = {name: f"i.{name}" for name in SAME_COLUMNS}
    return execute(insert(Order, {**columns, "event_seq": event_count()}, source))


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
                "tax_total": "l.tax_total",
                "line_total": "l.line_total",
                "requires_shipping": "l.requires_shipping",
                "qty_fulfilled": "l.qty_fulfilled",
                "qty_returned": "l.qty_returned",
                "qty_cancelled": "l.qty_cancelled",
            },
            sql.SQL(
                "{} JOIN {} AS l USING (of_order) WHERE l.position IS NOT NULL"
                " ORDER BY l.line_number"
            ).format(STAGED, LINES),
        )
    )


def _insert_payments(provenance: Provenance) -> None:
    """Record one payment for each sum above zero."""
    execute(
        insert(
            Payment,
            {
                "id": "gen_random_uuid()",
                "order_id": "i.id",
                "kind": "moved.kind",
                "status": sql.Literal(Payment.Status.SUCCEEDED.value),
                "amount": "moved.amount",
                "currency": "i.currency",
                "occurred_at": "moved.occurred_at",
                "created_at": "moved.occurred_at",
                **actor_columns(provenance.by),
            },
            sql.SQL(
                """
                {} CROSS JOIN LATERAL (VALUES
                    ('authorization', i.authorized_total, i.authorized_at),
                    ('capture', i.captured_total, i.captured_at),
                    ('refund', i.refunded_total, i.refunded_at),
                    ('chargeback', i.charged_back_total, i.charged_back_at)
                ) AS moved (kind, amount, occurred_at)
                WHERE moved.amount > 0 ORDER BY i.of_order, moved.occurred_at
                """
            ).format(STAGED),
        )
    )


def _insert_parcels() -> None:
    """Record one parcel with all that left, and one with all that came back."""
    execute(
        insert(
            Fulfillment,
            {
                "id": "parcel.id",
                "order_id": "i.id",
                "direction": "parcel.direction",
                "status": "parcel.status",
                "created_at": "parcel.created_at",
                "shipped_at": "parcel.shipped_at",
                "delivered_at": "parcel.delivered_at",
                "received_at": "parcel.received_at",
            },
            sql.SQL(
                """
                {} CROSS JOIN LATERAL (VALUES
                    (i.parcel_id, 'out',
                        CASE WHEN i.delivered_at IS NULL THEN 'shipped'
                            ELSE 'delivered' END,
                        i.shipped_at, i.shipped_at, i.delivered_at, NULL),
                    (i.return_id, 'in', 'received',
                        i.returned_at, NULL, NULL, i.returned_at)
                ) AS parcel (id, direction, status, created_at, shipped_at,
                    delivered_at, received_at)
                WHERE parcel.created_at IS NOT NULL
                """
            ).format(STAGED),
        )
    )
    execute(
        insert(
            FulfillmentLine,
            {
                "fulfillment_id": "packed.parcel_id",
                "line_id": "l.id",
                "quantity": "packed.quantity",
            },
            sql.SQL(
                """
                {} JOIN {} AS l ON l.order_id = i.id
                CROSS JOIN LATERAL (VALUES
                    (i.parcel_id, l.qty_fulfilled), (i.return_id, l.qty_returned)
                ) AS packed (parcel_id, quantity)
                WHERE packed.quantity > 0 ORDER BY l.id
                """
            ).format(STAGED, table(OrderLine)),
        )
    )


def _sum_up() -> None:
    """Work out what the orders' rows sum up, as every change of an order does.

    What completes an order did so at the instant that was staged.
    """
    at = sql.SQL("i.completed_at")
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
