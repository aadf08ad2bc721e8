"""Place drafts: reserve their units and start their clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from django.db.models import BigIntegerField, Case, Value, When
from psycopg import sql

from orders.exceptions import InvalidInput, OutOfStock
from orders.models import Actor, ClosePolicy, Order, OrderEvent, OrderLine, StockItem
from orders.models.policy import deciding

from . import guards, stock
from .drafting import SYSTEM
from .input import check_email
from .timeline import NewEvent, rows_of, write_orders
from .totals import completed_at, line_checks
from .transition import Ids, Outcome, Problem, Problems, change_orders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID


def place_orders(
    orders: Iterable[Order | UUID], *, by: Actor = SYSTEM, now: datetime | None = None
) -> Outcome:
    """Open drafts: reserve stock, set placed_at and the due date by policy.

    Where units are scarce they are given in the caller's order; an order that
    cannot be served whole is refused (OutOfStock) and takes nothing. An explicit
    ``payment_due_at`` is kept; a disabled or missing policy leaves it empty.
    """

    def write(ids: Ids, now: datetime) -> Problems:
        refused = _incomplete(ids)
        ready = [pk for pk in ids if pk not in refused]
        refused |= _reserve(ready)
        placed = [pk for pk in ready if pk not in refused]
        write_orders(
            placed,
            NewEvent(OrderEvent.Type.PLACED, by),
            now=now,
            source=_due_dates(placed, now),
            assign={
                "status": Order.Status.OPEN.value,
                "placed_at": now,
                "payment_due_at": sql.SQL("COALESCE(o.payment_due_at, s.due_at)"),
                "completed_at": completed_at(now, placed=sql.SQL("TRUE")),
            },
        )
        return refused

    return change_orders(orders, guards=guards.place, write=write, now=now)


def _incomplete(ids: Ids) -> Problems:
    """Refuse orders without lines, with sums that differ or a bad address."""
    emails = Order.objects.filter(pk__in=ids).values_list("pk", "customer_email")
    checks = line_checks(ids)
    refused: Problems = {}
    for pk, email in emails:
        line_count, sums_agree = checks[pk]
        if not line_count:
            refused[pk] = Problem("no_lines", "has no lines; add one first")
        elif not sums_agree:
            refused[pk] = Problem("sums", "has totals that its lines do not add up to")
        elif not _is_email(email):
            refused[pk] = Problem("customer_email", "has an invalid e-mail address")
    return refused


def _is_email(email: str) -> bool:
    try:
        check_email(email)
    except InvalidInput:
        return False
    return True


def _reserve(ids: Ids) -> Problems:
    """Reserve all units of each order that can be served whole, in order."""
    lines: defaultdict[UUID, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order__in=ids, requires_shipping=True).only(
        "order_id", "sku", "quantity"
    ):
        lines[line.order_id].append(line)
    items = stock.lock_stock(line.sku for group in lines.values() for line in group)
    free = {sku: item.available for sku, item in items.items()}
    reserved: dict[int, int] = {}
    by_sku: Counter[str] = Counter()
    refused: Problems = {}
    for pk in ids:
        wanted = Counter[str]()
        for line in lines[pk]:
            if line.sku in items:
                wanted[line.sku] += line.quantity
        short = _short_of(wanted, items, free)
        if short:
            problem = f"lacks stock: {'; '.join(short)}"
            refused[pk] = Problem("stock", problem, OutOfStock)
            continue
        for sku, quantity in wanted.items():
            free[sku] -= quantity
        by_sku.update(wanted)
        reserved |= {line.pk: line.quantity for line in lines[pk] if line.sku in items}
    stock.reserve(reserved, by_sku)
    return refused


def _short_of(
    wanted: Mapping[str, int], items: Mapping[str, StockItem], free: Mapping[str, int]
) -> list[str]:
    return [
        f"{quantity} of {sku} wanted, {max(free[sku], 0)} left"
        for sku, quantity in sorted(wanted.items())
        if quantity > free[sku] and not items[sku].allow_backorder
    ]


def _due_dates(ids: Ids, now: datetime) -> sql.Composable:
    """Return each order's due date by the policy that decides on it."""
    policies = ClosePolicy.objects.filter(kind=ClosePolicy.Kind.UNPAID)
    decides = deciding(policies.most_specific_first())
    due = {policy.pk: now + policy.after for policy, _ in decides if policy.enabled}
    policy_of = Case(
        *(When(condition, then=Value(policy.pk)) for policy, condition in decides),
        default=None,
        output_field=BigIntegerField(null=True),
    )
    deciding_ids = dict(Order.objects.filter(pk__in=ids).values_list("pk", policy_of))
    return rows_of(
        {"order_id": "uuid", "due_at": "timestamptz"},
        [{"order_id": pk, "due_at": due.get(deciding_ids[pk])} for pk in ids],
    )
