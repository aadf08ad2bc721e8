"""What files contain of an order, read from the database.

``FACTS`` are SQL over ``o``, a row of orders, with ``money`` and ``parcels`` that
``MOVEMENTS`` joins to it. Files that are written and files that are compared with
what is there read the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from orders.models import Fulfillment, Order, OrderLine, Payment
from orders.services.timeline import table

from .staging import ORDER_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

MOVEMENTS = sql.SQL(
    """
    LEFT JOIN LATERAL (
        SELECT
            max(occurred_at) FILTER (WHERE kind = 'authorization') AS authorized_at,
            max(occurred_at) FILTER (WHERE kind = 'capture') AS captured_at,
            max(occurred_at) FILTER (WHERE kind = 'refund') AS refunded_at,
            max(occurred_at) FILTER (
                WHERE kind IN ('chargeback', 'chargeback_reversed')
            ) AS charged_back_at
        FROM {payments} WHERE order_id = o.id AND status = 'succeeded'
    ) AS money ON true
    LEFT JOIN LATERAL (
        SELECT max(shipped_at) FILTER (WHERE direction = 'out') AS shipped_at,
            CASE WHEN bool_and(status = 'delivered') FILTER (WHERE direction = 'out')
                THEN max(delivered_at) END AS delivered_at,
            max(received_at) AS returned_at
        FROM {parcels}
        WHERE order_id = o.id AND status IN ('shipped', 'delivered', 'received')
    ) AS parcels ON true
    """
).format(payments=table(Payment), parcels=table(Fulfillment))


def _address(column: str) -> sql.Composable:
    """Return an address without the fields that are empty: those say nothing."""
    return sql.SQL(
        "(SELECT COALESCE(jsonb_object_agg(key, value), '{{}}')"
        " FROM jsonb_each_text(o.{}) WHERE value <> '')"
    ).format(sql.Identifier(column))


FACTS: Mapping[str, sql.Composable] = {
    name: sql.SQL("o.{}").format(sql.Identifier(name))
    for name in (*ORDER_COLUMNS, "grand_total")
    if hasattr(Order, name)
} | {
    "external_reference": sql.SQL(
        "COALESCE(NULLIF(o.external_reference, ''), '#' || o.number)"
    ),
    "billing_address": _address("billing_address"),
    "shipping_address": _address("shipping_address"),
    # What was taken back entirely has no date to export.
    "authorized_at": sql.SQL(
        "CASE WHEN o.authorized_total > 0 THEN money.authorized_at END"
    ),
    "captured_at": sql.SQL("money.captured_at"),
    "refunded_at": sql.SQL("money.refunded_at"),
    "charged_back_at": sql.SQL(
        "CASE WHEN o.charged_back_total > 0 THEN money.charged_back_at END"
    ),
    "shipped_at": sql.SQL("parcels.shipped_at"),
    "delivered_at": sql.SQL("parcels.delivered_at"),
    "returned_at": sql.SQL("parcels.returned_at"),
    "line_count": sql.SQL("(SELECT count(*) FROM {} WHERE order_id = o.id)").format(
        table(OrderLine)
    ),
}
