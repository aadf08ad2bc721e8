"""Hold orders back from fulfilment and automation, and release them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orders.exceptions import InvalidInput
from orders.models import Actor, Order, OrderEvent
from scheduling.clock import database_now

from . import guards
from .drafting import SYSTEM
from .input import check_instant, check_text
from .timeline import NewEvent
from .transition import Outcome, change_orders, writing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID


def hold_orders(
    orders: Iterable[Order | UUID],
    *,
    reason: str,
    until: datetime | None = None,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Hold open orders until an instant, or until they are released.

    A held order may be held again: reason and end are replaced. Raises
    InvalidInput for an empty reason, one over 200 characters, or an ``until`` that
    is not in the future.
    """
    check_text("reason", reason, longest=200, required=True)
    check_instant("until", until)
    check_text("note", note, longest=4000)
    now = now or database_now()
    if until and until <= now:
        raise InvalidInput("until", "must lie in the future")
    write = writing(
        NewEvent(OrderEvent.Type.HELD, by, note=note),
        {"hold_reason": reason, "hold_until": until},
    )
    return change_orders(orders, guards=guards.hold, write=write, now=now)


def release_orders(
    orders: Iterable[Order | UUID],
    *,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Release held orders, also those whose hold has run out."""
    check_text("note", note, longest=4000)
    write = writing(
        NewEvent(OrderEvent.Type.RELEASED, by, note=note),
        {"hold_reason": "", "hold_until": None},
    )
    return change_orders(orders, guards=guards.release, write=write, now=now)
