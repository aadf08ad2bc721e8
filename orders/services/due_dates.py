"""Give customers more time to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from orders.exceptions import InvalidInput
from orders.models import Actor, Order, OrderEvent
from scheduling.clock import database_now

from . import guards
from .drafting import SYSTEM
from .guards import Guard
from .input import check_instant, check_text
from .timeline import NewEvent
from .transition import Outcome, change_orders, writing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID


def extend_due_dates(
    orders: Iterable[Order | UUID],
    *,
    until: datetime,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Move the due date of open orders to a later instant.

    An order that was never due becomes due then. One whose due date is as late
    already is refused. Raises InvalidInput where ``until`` is not in the future.
    """
    check_instant("until", until)
    check_text("note", note, longest=4000)
    now = now or database_now()
    if until <= now:
        raise InvalidInput("until", "must lie in the future")
    not_later = Guard(
        "not_later", Q(payment_due_at__gte=until), "is already due then or later"
    )
    return change_orders(
        orders,
        guards=lambda at: (*guards.extend(at), not_later),
        write=writing(
            NewEvent(OrderEvent.Type.PAYMENT_DUE_CHANGED, by, note=note),
            {"payment_due_at": until},
        ),
        now=now,
    )
