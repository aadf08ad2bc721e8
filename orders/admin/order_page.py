"""The context of an order's page: its parts, what policies will do, its timeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.dateparse import parse_datetime

from orders.autoclose import AutoClose, auto_close_of
from orders.models import Order, OrderEvent
from orders.money import round_money
from orders.services.fulfillment import units_left
from orders.templatetags.desk import instant, money
from scheduling.clock import database_now
from scheduling.templatetags.clock import NOTHING

from .transitions import offered

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

#: A longer past is shown on demand.
RECENT_EVENTS = 100
PACK = "pack"
ENDED = (Order.Status.CLOSED, Order.Status.CANCELLED)
#: They say when the event itself happened.
STAMPS = frozenset({"placed_at", "closed_at", "cancelled_at"})
BLOCKS = {
    "held": "held",
    "exempt": "exempt from policies",
    "pending_payment": "a payment is pending",
    "open_return": "a return is open",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the order, from what to what; None for a personal value."""

    label: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the timeline shows it."""

    event: OrderEvent
    changes: list[Change]
    facts: list[str]


def describe_order(
    order: Order,
    user: AbstractBaseUser | AnonymousUser,
    *,
    whole_timeline: bool = False,
) -> dict[str, Any]:
    """Return what the page's template takes. A fixed number of queries."""
    now = database_now()
    events = order.events.order_by("-seq")
    shown = list(events if whole_timeline else events[:RECENT_EVENTS])
    return {
        "order": order,
        "is_held": order.is_held(now),
        "offered": [
            one
            for one in offered(order, user, now=now)
            if one.name != PACK or any(units_left(order).values())
        ],
        "prospect": prospect(order, now),
        "outstanding": order.grand_total
        - order.captured_total
        + order.charged_back_total,
        "lines": order.lines.all(),
        "payments": order.payments.select_related("parent"),
        "parcels": order.fulfillments.prefetch_related("lines__line"),
        "entries": [_entry(event, order) for event in shown],
        "older_events": order.event_seq - len(shown),
    }


def prospect(order: Order, now: datetime) -> str:
    """Return a sentence on what policies will do to an order; '' if it has ended."""
    if order.status in ENDED:
        return ""
    plan = auto_close_of([order], now=now)[order.pk]
    if plan is None:
        return "No policy will close or cancel it as it is now."
    if plan.blocked_by:
        reasons = ", ".join(BLOCKS[block] for block in plan.blocked_by)
        return f"Will not be {_done(plan)}: {reasons}."
    if plan.due_at <= now:
        return f"Will be {_done(plan)} by the next sweep, by the policy {plan.policy}."
    when = f"in {_format_wait(plan.due_at - now)} ({instant(plan.due_at)})"
    return f"Will be {_done(plan)} {when} by the policy {plan.policy}."


def _format_wait(wait: timedelta) -> str:
    """Write a wait in whole days; in hours where it is shorter than two days."""
    if wait >= timedelta(days=2):
        return f"{round(wait / timedelta(days=1))} days"
    hours = max(1, round(wait / timedelta(hours=1)))
    return f"{hours} hour{'s' * (hours != 1)}"


def _done(plan: AutoClose) -> str:
    return "closed" if plan.action == "close" else "cancelled"


def _entry(event: OrderEvent, order: Order) -> Entry:
    changes = event.data.get("changes", {})
    return Entry(
        event=event,
        changes=[
            _change(name, pair, order.currency)
            for name, pair in changes.items()
            if name not in STAMPS
        ],
        facts=list(_facts(event.data)),
    )


def _change(name: str, pair: list[Any] | None, currency: str) -> Change:
    field = Order._meta.get_field(name)  # noqa: SLF001 - Django's public API
    label = str(getattr(field, "verbose_name", name)).capitalize()
    if pair is None:
        return Change(label, None, None)
    old, new = (_shown(field, value, currency) for value in pair)
    return Change(label, old, new)


def _shown(field: Any, value: Any, currency: str) -> str:
    """Write a value as JSON keeps it in the words of its field."""
    kind = getattr(field, "output_field", field)
    if value in (None, "", []):
        return NOTHING
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(kind, models.DateTimeField):
        return instant(parse_datetime(value))
    if isinstance(kind, models.DecimalField):
        return str(round_money(Decimal(value), currency))
    return str(dict(kind.flatchoices).get(value, value))


def _facts(data: dict[str, Any]) -> Iterator[str]:
    """Tell what an event says beside the order's own columns."""
    if payment := data.get("payment"):
        amount = money(Decimal(payment["amount"]), payment["currency"])
        provider = f" ({payment['provider']})" if payment["provider"] else ""
        yield f"{payment['kind'].replace('_', ' ').capitalize()} of {amount}{provider}"
    if lines := data.get("lines"):
        yield ", ".join(f"{line['quantity']} × {line['sku']}" for line in lines)
    if policy := data.get("policy"):
        yield f"By the policy {policy}"
