"""What an order's row sums up from its payments and lines.

Queries for ``write_orders``: their rows are read in a statement after the lock.
Orders and instants are values, or SQL expressions where each row has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Case, Count, F, Q, Sum, When
from psycopg import sql

from orders.models import Order, OrderLine, Payment

from .timeline import table

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    Ids = list[UUID] | sql.Composable
    Instant = datetime | sql.Composable


def payment_sums(ids: Ids) -> sql.Composable:
    """Sum the ledger by order: what succeeded, and what is pending since when.

    A capture or a void lowers what is authorized where it names the
    authorization as its parent; a void always does.
    """
    return sql.SQL(
        """
        SELECT p.order_id,
            {captured} AS captured, {refunded} AS refunded,
            {charged_back} - {reversed} AS charged_back,
            {authorized} - {voided} - {drawn} AS authorized,
            count(*) FILTER (WHERE p.status = 'pending') AS pending,
            min(p.created_at) FILTER (WHERE p.status = 'pending') AS pending_since
        FROM {payments} AS p LEFT JOIN {payments} AS parent ON parent.id = p.parent_id
        WHERE p.order_id = ANY({ids}) GROUP BY p.order_id
        """
    ).format(
        captured=_sum("p.kind = 'capture'"),
        refunded=_sum("p.kind = 'refund'"),
        charged_back=_sum("p.kind = 'chargeback'"),
        reversed=_sum("p.kind = 'chargeback_reversed'"),
        authorized=_sum("p.kind = 'authorization'"),
        voided=_sum("p.kind = 'void'"),
        drawn=_sum("p.kind = 'capture' AND parent.kind = 'authorization'"),
        payments=table(Payment),
        ids=_expression(ids),
    )


def _sum(condition: str) -> sql.Composable:
    return sql.SQL(
        "COALESCE(sum(p.amount) FILTER (WHERE p.status = 'succeeded' AND "
        f"{condition}), 0)"
    )


def payment_columns(now: Instant) -> dict[str, sql.Composable]:
    """Return what ``payment_sums`` (as ``s``) makes of an order's columns."""
    charged_back = sql.SQL("GREATEST(s.charged_back, 0)")
    return {
        "captured_total": sql.SQL("s.captured"),
        "refunded_total": sql.SQL("s.refunded"),
        "charged_back_total": charged_back,
        "authorized_total": sql.SQL("GREATEST(s.authorized, 0)"),
        "payments_pending": sql.SQL("s.pending"),
        "payments_pending_since": sql.SQL("s.pending_since"),
        "attention": sql.SQL(
            "CASE WHEN s.refunded > s.captured"
            " AND NOT 'over_refunded' = ANY(o.attention)"
            " THEN o.attention || 'over_refunded'::varchar ELSE o.attention END"
        ),
        "completed_at": completed_at(
            now, captured=sql.SQL("s.captured"), charged_back=charged_back
        ),
    }


def quantity_sums(ids: Ids) -> sql.Composable:
    """Sum the units of the lines that require shipping, by order."""
    return sql.SQL(
        """
        SELECT order_id, sum(quantity) AS ordered, sum(qty_fulfilled) AS fulfilled,
            sum(qty_returned) AS returned, sum(qty_cancelled) AS cancelled
        FROM {lines} WHERE order_id = ANY({ids}) AND requires_shipping
        GROUP BY order_id
        """
    ).format(lines=table(OrderLine), ids=_expression(ids))


def quantity_columns(now: Instant) -> dict[str, sql.Composable]:
    """Return what ``quantity_sums`` (as ``s``) makes of an order's columns."""
    return {
        "qty_fulfilled": sql.SQL("s.fulfilled"),
        "qty_returned": sql.SQL("s.returned"),
        "qty_cancelled": sql.SQL("s.cancelled"),
        "completed_at": completed_at(now, done=sql.SQL("s.fulfilled + s.cancelled")),
    }


def completed_at(
    now: Instant,
    *,
    captured: sql.Composable = sql.SQL("o.captured_total"),
    charged_back: sql.Composable = sql.SQL("o.charged_back_total"),
    done: sql.Composable = sql.SQL("o.qty_fulfilled + o.qty_cancelled"),
    placed: sql.Composable = sql.SQL("o.placed_at IS NOT NULL"),
) -> sql.Composable:
    """Return when the order became both settled and fulfilled, or NULL.

    An instant that is set already is kept; a draft has none. In an UPDATE
    columns mean the row before, so what changes with it is handed in.
    """
    return sql.SQL(
        "CASE WHEN {placed} AND {captured} - {charged_back}"
        " >= o.grand_total AND {done} >= o.qty_ordered"
        " THEN COALESCE(o.completed_at, {now}) END"
    ).format(
        placed=placed,
        captured=captured,
        charged_back=charged_back,
        done=done,
        now=_expression(now),
    )


def _expression(value: Ids | Instant) -> sql.Composable:
    return value if isinstance(value, sql.Composable) else sql.Literal(value)


def line_checks(ids: list[UUID]) -> dict[UUID, tuple[int, bool]]:
    """Return the number of lines, and whether the totals are those of the lines.

    The database checks each row by itself; only a join sees both.
    """
    agree = Q(
        subtotal=F("line_subtotal"),
        discount_total=F("order_discount") + F("line_discounts"),
        tax_total=F("order_tax") + F("line_taxes"),
    )
    rows = (
        Order.objects.filter(pk__in=ids)
        .annotate(
            line_count=Count("lines"),
            line_subtotal=Sum(F("lines__quantity") * F("lines__unit_price")),
            line_discounts=Sum("lines__discount_total"),
            line_taxes=Sum("lines__tax_total"),
        )
        .values_list("pk", "line_count", Case(When(agree, then=True), default=False))
    )
    return {pk: (line_count, sums_agree) for pk, line_count, sums_agree in rows}
