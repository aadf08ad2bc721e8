"""The timeline of orders whose whole life is known at once.

The events are those that the services would have written, each at its own date, with
the file and the line beside.
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


@dataclass(frozen=True, slots=True)
class Step:
    """One event of each order; SQL over ``i`` (staged), ``o`` (written), ``p`` (paid).

    ``data`` gives the pairs of a JSON object, as ``changes`` gives those of its
    changes; ``only_if`` is over ``i`` alone.
    """

    type: OrderEvent.Type
    at: str
    changes: str = ""
    data: str = ""
    only_if: str = "true"


WAS_PAID = "i.grand_total > 0"
PAYMENT = """
    'payment', jsonb_build_object('id', p.id, 'kind', p.kind, 'status', p.status,
        'amount', p.amount::text, 'currency', p.currency, 'provider', p.provider)
"""
PARCEL = """
    'fulfillment', i.parcel_id, 'lines', parcel.lines
"""

STEPS = (
    Step(Type.CREATED, "i.placed_at"),
    Step(
        Type.PLACED,
        "i.placed_at",
        changes="""
            'status', jsonb_build_array('draft', o.status),
            'placed_at', jsonb_build_array(NULL, o.placed_at)
        """,
    ),
    Step(
        Type.PAYMENT_SUCCEEDED,
        "i.shipped_at",
        changes="""
            'payment_status', jsonb_build_array('unpaid', o.payment_status),
            'captured_total', jsonb_build_array('0.000', o.captured_total::text)
        """,
        data=PAYMENT,
        only_if=WAS_PAID,
    ),
    Step(Type.PAID, "i.shipped_at", only_if=WAS_PAID),
    Step(
        Type.FULFILLMENT_SHIPPED,
        "i.shipped_at",
        changes="""
            'fulfillment_status',
                jsonb_build_array('unfulfilled', o.fulfillment_status),
            'qty_fulfilled', jsonb_build_array(0, o.qty_fulfilled),
            'completed_at', jsonb_build_array(NULL, o.completed_at)
        """,
        data=PARCEL,
    ),
    Step(Type.FULFILLMENT_DELIVERED, "i.shipped_at", data=PARCEL),
)

SOURCE = sql.SQL(
    """
    FROM {incoming} AS i JOIN {orders} AS o USING (id)
    JOIN (
        SELECT reference, jsonb_agg(
            jsonb_build_object('sku', sku, 'quantity', quantity) ORDER BY position)
        FROM {lines} GROUP BY reference
    ) AS parcel (reference, lines) USING (reference)
    LEFT JOIN {payments} AS p ON p.id = i.payment_id
    CROSS JOIN LATERAL (VALUES {steps})
        AS e (step, type, occurred_at, data, happened)
    WHERE e.happened ORDER BY i.line_number, e.step
    """
)


def event_count() -> sql.Composable:
    """Return how many events each staged order will have, over ``i`` alone."""
    return sql.SQL(" + ").join(sql.SQL(f"({step.only_if})::int") for step in STEPS)


def write_history(provenance: Provenance) -> None:
    """Write the events of the staged orders, seq by seq as they happened."""
    execute(
        insert(
            OrderEvent,
            {
                "order_id": "i.id",
                "seq": "row_number() OVER (PARTITION BY i.line_number ORDER BY e.step)",
                "type": "e.type",
                "occurred_at": "e.occurred_at",
                "data": _data(provenance.file_name),
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
    return sql.SQL("({}, {}, {}, {}, {})").format(
        sql.Literal(number),
        sql.Literal(str(step.type)),
        sql.SQL(step.at),
        _object(step.changes, step.data),
        sql.SQL(step.only_if),
    )


def _object(changes: str, data: str) -> sql.Composable:
    pairs = [f"'changes', jsonb_build_object({changes})", data]
    return sql.SQL(f"jsonb_build_object({', '.join(filter(None, pairs))})")


def _data(file_name: str) -> sql.Composable:
    return sql.SQL(
        "e.data || jsonb_build_object('import',"
        " jsonb_build_object('file', {}::text, 'line', i.line_number))"
    ).format(sql.Literal(file_name))
