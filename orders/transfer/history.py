"""The timeline of orders whose whole life is known at once.

The events are those that the services would have written, each at its own date, with
the file and the line. What happened to an order between two of them is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from orders.models import Order, OrderEvent, Payment
from orders.services.timeline import table

from .inserting import insert
from .staging import LINES, ORDERS, execute

if TYPE_CHECKING:
    from orders.models import Actor

    from .loading import Provenance

Type = OrderEvent.Type
Kind = Payment.Kind


@dataclass(frozen=True, slots=True)
class Step:
    """One event of each order that has come to it; SQL over ``i`` and ``o``.

    They are the order as staged and as written; ``goods`` are its units. ``at`` is
    null where the step was not taken, and over ``i`` alone. ``changes`` maps fields to
    what they were and what they became, null for what did not change; ``data`` gives
    further pairs of a JSON object. ``kind`` is that of the payment to describe.
    """

    type: OrderEvent.Type
    at: str
    changes: tuple[tuple[str, str, str], ...] = ()
    data: str = ""
    kind: str = ""


# The file does not tell which status an order had between two movements of money.
ONLY_MOVEMENT = """(i.authorized_at IS NOT NULL)::int + (i.captured_at IS NOT NULL)::int
    + (i.refunded_at IS NOT NULL)::int + (i.charged_back_at IS NOT NULL)::int = 1"""
BEFORE_MONEY = "CASE WHEN i.grand_total > 0 THEN 'unpaid' ELSE 'not_required' END"
BEFORE_END = "CASE WHEN i.placed_at IS NULL THEN 'draft' ELSE 'open' END"


def _moved(kind: Payment.Kind, column: str) -> Step:
    at = column.replace("_total", "_at")
    return Step(
        Type.PAYMENT_SUCCEEDED,
        f"i.{at}",
        changes=(
            (
                "payment_status",
                BEFORE_MONEY,
                f"CASE WHEN {ONLY_MOVEMENT} THEN o.payment_status END",
            ),
            (column, "'0.000'", f"o.{column}::text"),
        ),
        kind=kind.value,
    )


STEPS = (
    Step(Type.CREATED, "i.created_at"),
    Step(
        Type.PLACED,
        "i.placed_at",
        changes=(
            ("status", "'draft'", "'open'"),
            ("placed_at", "NULL", "o.placed_at"),
        ),
    ),
    _moved(Kind.AUTHORIZATION, "authorized_total"),
    _moved(Kind.CAPTURE, "captured_total"),
    Step(
        Type.PAID, "CASE WHEN i.captured_total >= i.grand_total THEN i.captured_at END"
    ),
    _moved(Kind.REFUND, "refunded_total"),
    _moved(Kind.CHARGEBACK, "charged_back_total"),
    Step(
        Type.FULFILLMENT_SHIPPED,
        "i.shipped_at",
        changes=(
            (
                "fulfillment_status",
                "'unfulfilled'",
                "CASE WHEN o.qty_returned = 0 THEN o.fulfillment_status END",
            ),
            ("qty_fulfilled", "0", "o.qty_fulfilled"),
            (
                "completed_at",
                "NULL",
                "CASE WHEN o.completed_at = i.shipped_at THEN o.completed_at END",
            ),
        ),
        data="'fulfillment', i.parcel_id, 'lines', goods.shipped",
    ),
    Step(
        Type.FULFILLMENT_DELIVERED,
        "i.delivered_at",
        data="'fulfillment', i.parcel_id, 'lines', goods.shipped",
    ),
    Step(
        Type.RETURN_RECEIVED,
        "i.returned_at",
        changes=(("qty_returned", "0", "o.qty_returned"),),
        data="'fulfillment', i.return_id, 'lines', goods.returned",
    ),
    Step(
        Type.CANCELLED,
        "i.cancelled_at",
        changes=(
            ("status", BEFORE_END, "o.status"),
            ("cancel_reason", "''", "o.cancel_reason"),
            ("cancelled_at", "NULL", "o.cancelled_at"),
        ),
        data="'reason', o.cancel_reason",
    ),
    Step(
        Type.CLOSED,
        "i.closed_at",
        changes=(
            ("status", BEFORE_END, "o.status"),
            ("close_reason", "''", "o.close_reason"),
            ("closed_at", "NULL", "o.closed_at"),
        ),
        data="'reason', o.close_reason",
    ),
)

# A payment may have been made before the order was written down.
IN_TIME = "e.step > 0, e.occurred_at, e.step"
SOURCE = sql.SQL(
    """
    FROM {incoming} AS i JOIN {orders} AS o USING (id)
    JOIN (
        SELECT of_order,
            jsonb_agg(jsonb_build_object('sku', sku, 'quantity', qty_fulfilled)
                ORDER BY position) FILTER (WHERE qty_fulfilled > 0),
            jsonb_agg(jsonb_build_object('sku', sku, 'quantity', qty_returned)
                ORDER BY position) FILTER (WHERE qty_returned > 0)
        FROM {lines} GROUP BY of_order
    ) AS goods (of_order, shipped, returned) USING (of_order)
    CROSS JOIN LATERAL (VALUES {steps}) AS e (step, type, kind, occurred_at, data)
    LEFT JOIN {payments} AS p ON p.order_id = i.id AND p.kind = e.kind
    WHERE e.occurred_at IS NOT NULL
    ORDER BY i.of_order, {in_time}
    """
)
DATA = sql.SQL(
    """
    e.data || CASE WHEN p.id IS NULL THEN '{{}}' ELSE jsonb_build_object(
        'payment', jsonb_build_object('id', p.id, 'kind', p.kind, 'status', p.status,
            'amount', p.amount::text, 'currency', p.currency, 'provider', p.provider)
    ) END || jsonb_build_object(
        'import', jsonb_build_object('file', {file}::text, 'line', i.line_number))
    """
)


def event_count() -> sql.Composable:
    """Return how many events each staged order will have, over ``i`` alone."""
    return sql.SQL("num_nonnulls({})").format(
        sql.SQL(", ").join(sql.SQL(step.at) for step in STEPS)
    )


def write_history(provenance: Provenance) -> None:
    """Write the events of the staged orders, seq by seq as they happened."""
    execute(
        insert(
            OrderEvent,
            {
                "order_id": "i.id",
                "seq": (
                    f"row_number() OVER (PARTITION BY i.of_order ORDER BY {IN_TIME})"
                ),
                "type": "e.type",
                "occurred_at": "e.occurred_at",
                "data": DATA.format(file=sql.Literal(provenance.file_name)),
                **actor_columns(provenance.by),
                "run_id": sql.Literal(provenance.by.run_id),
                "request_id": sql.Literal(provenance.by.request_id),
                "origin": sql.Literal(str(provenance.by.origin)),
            },
            SOURCE.format(
                incoming=ORDERS,
                lines=LINES,
                orders=table(Order),
                payments=table(Payment),
                in_time=sql.SQL(IN_TIME),
                steps=sql.SQL(", ").join(map(_values, range(len(STEPS)), STEPS)),
            ),
        )
    )


def actor_columns(by: Actor) -> dict[str, sql.Composable]:
    """Return who did it, as payments and events keep it."""
    return {
        "actor_kind": sql.Literal(str(by.kind)),
        "actor_id": sql.Literal(by.id),
        "actor_label": sql.Literal(by.label),
    }


def _values(number: int, step: Step) -> sql.Composable:
    changes = ", ".join(
        f"'{field}', CASE WHEN ({after}) IS NOT NULL"
        f" THEN jsonb_build_array({before}, {after}) END"
        for field, before, after in step.changes
    )
    pairs = [
        f"'changes', jsonb_strip_nulls(jsonb_build_object({changes}))",
        step.data,
    ]
    return sql.SQL("({}, {}, {}, {}, {})").format(
        sql.Literal(number),
        sql.Literal(str(step.type)),
        sql.Literal(step.kind),
        sql.SQL(step.at),
        sql.SQL(f"jsonb_build_object({', '.join(filter(None, pairs))})"),
    )
