"""What can block each transition, decided on the order's row alone.

A guard is a condition in SQL, so that one rule serves the lock statement of a
thousand orders and the buttons of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db.models import Case, CharField, F, Q, Value, When

from orders.models import Order
from orders.models.order import held

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

Status = Order.Status


class Action(StrEnum):
    """What may be asked of an order, as ``allowed_actions`` names it."""

    PLACE = "place"
    CANCEL = "cancel"
    CLOSE = "close"
    HOLD = "hold"
    RELEASE = "release"
    EXTEND = "extend"
    UPDATE = "update"
    FULFILL = "fulfill"


@dataclass(frozen=True, slots=True)
class Guard:
    """One reason to refuse. ``sentence`` follows "Order #1 "."""

    code: str
    blocks: Q
    sentence: str


GuardsAt = Callable[["datetime"], tuple[Guard, ...]]

UNSETTLED = Q(
    captured_total__lt=F("grand_total") + F("charged_back_total"),
)
UNFULFILLED = Q(qty_ordered__gt=F("qty_fulfilled") + F("qty_cancelled"))


def only_in(*statuses: Status) -> Guard:
    """Refuse every order that is in another state than these."""
    names = " or ".join(status.value for status in statuses)
    return Guard("status", ~Q(status__in=statuses), f"is not {names}")


def not_held(now: datetime) -> Guard:
    return Guard("held", held(now), "is held; release it first")


def pending_payment(*, since: datetime | None = None) -> Guard:
    """Refuse while a payment is pending; with ``since``, only one pending since then.

    An older one does not hold a sweep up; its late success is taken as any other.
    """
    pending = Q(payments_pending__gt=0)
    if since is not None:
        pending &= Q(payments_pending_since__gt=since)
    return Guard(
        "pending_payment", pending, "has a pending payment; wait until it is settled"
    )


def place(_now: datetime) -> tuple[Guard, ...]:
    return (only_in(Status.DRAFT),)


def cancel(
    _now: datetime, *, override: bool = False, pending_since: datetime | None = None
) -> tuple[Guard, ...]:
    """``override``: the actor may cancel although money was captured."""
    captured = Guard(
        "captured",
        Q(captured_total__gt=F("refunded_total") + F("charged_back_total")),
        "holds captured money; refund it first",
    )
    shipped = Guard(
        "shipped",
        Q(qty_fulfilled__gt=F("qty_returned")),
        "has shipped units that have not come back",
    )
    pending = pending_payment(since=pending_since)
    guards = (only_in(Status.DRAFT, Status.OPEN), shipped, pending)
    return guards if override else (*guards, captured)


def close(now: datetime, *, pending_since: datetime | None = None) -> tuple[Guard, ...]:
    return (
        only_in(Status.OPEN),
        Guard("unsettled", UNSETTLED, "is not fully paid"),
        Guard("unfulfilled", UNFULFILLED, "is not fully shipped"),
        pending_payment(since=pending_since),
        Guard("open_return", Q(returns_open__gt=0), "has an open return"),
        not_held(now),
    )


def write_off(_now: datetime) -> tuple[Guard, ...]:
    return (only_in(Status.OPEN),)


def hold(_now: datetime) -> tuple[Guard, ...]:
    return (only_in(Status.OPEN),)


def release(_now: datetime) -> tuple[Guard, ...]:
    not_on_hold = Guard("not_held", Q(hold_reason=""), "is not held")
    return (only_in(Status.OPEN), not_on_hold)


def extend(_now: datetime) -> tuple[Guard, ...]:
    return (only_in(Status.OPEN),)


def update(_now: datetime) -> tuple[Guard, ...]:
    return (only_in(Status.DRAFT, Status.OPEN),)


def fulfill(now: datetime) -> tuple[Guard, ...]:
    all_shipped = Guard(
        "fulfilled", ~UNFULFILLED, "has no unit left that could be shipped"
    )
    return (only_in(Status.OPEN), not_held(now), all_shipped)


def anything(_now: datetime) -> tuple[Guard, ...]:
    """Facts and remarks are taken in every state."""
    return ()


GUARDS: dict[Action, GuardsAt] = {
    Action.PLACE: place,
    Action.CANCEL: cancel,
    Action.CLOSE: close,
    Action.HOLD: hold,
    Action.RELEASE: release,
    Action.EXTEND: extend,
    Action.UPDATE: update,
    Action.FULFILL: fulfill,
}


def refusal_code(guards: Iterable[Guard], provided: Q | None = None) -> Case:
    """Return the code of the first guard that blocks an order, or ''.

    An order that no guard blocks but that is not as ``provided`` gets
    ``no_longer_due``. Written without a negation, so that NULL refuses.
    """
    blocked = [When(guard.blocks, then=Value(guard.code)) for guard in guards]
    if provided is None:
        return Case(*blocked, default=Value(""), output_field=CharField())
    return Case(
        *blocked,
        When(provided, then=Value("")),
        default=Value("no_longer_due"),
        output_field=CharField(),
    )


def allowed_actions(
    orders: Iterable[Order | UUID], *, now: datetime
) -> dict[UUID, list[str]]:
    """Return what each order would accept now. One query; unknown ids are absent."""
    ids = [order.pk if isinstance(order, Order) else order for order in orders]
    rows = Order.objects.filter(pk__in=ids).values_list(
        "pk", *(refusal_code(guards(now)) for guards in GUARDS.values())
    )
    return {
        pk: [
            action.value for action, code in zip(GUARDS, codes, strict=True) if not code
        ]
        for pk, *codes in rows
    }
