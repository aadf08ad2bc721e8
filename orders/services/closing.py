"""Close orders that are done with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orders.exceptions import InvalidInput
from orders.models import Actor, Order, OrderEvent

from . import guards
from .drafting import SYSTEM
from .input import check_choice, check_text
from .timeline import NewEvent, write_orders
from .transition import Ids, Outcome, Refusals, change_orders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from django.db.models import Q

Reason = Order.CloseReason


def close_orders(
    orders: Iterable[Order | UUID],
    *,
    reason: str = Reason.COMPLETED,
    note: str = "",
    override: bool = False,
    by: Actor = SYSTEM,
    now: datetime | None = None,
    provided: Q | None = None,
    skip_locked: bool = False,
) -> Outcome:
    """Close open orders that are settled, fulfilled and free of open matters.

    ``reason`` is one of Order.CloseReason. ``written_off`` closes an order that
    is not, and takes ``override`` (the actor's right to do so). ``provided`` and
    ``skip_locked``: see ``change_orders``. Raises InvalidInput for an unknown
    reason, or for a write-off without the right.
    """
    check_choice("reason", reason, Reason.values)
    check_text("note", note, longest=4000)
    writes_off = reason == Reason.WRITTEN_OFF
    if writes_off and not override:
        raise InvalidInput("reason", "writing off takes the right to override")
    event = NewEvent(
        OrderEvent.Type.CLOSED, by, note=note, data={"reason": str(reason)}
    )

    def write(ids: Ids, now: datetime) -> Refusals:
        write_orders(
            ids,
            event,
            now=now,
            assign={
                "status": Order.Status.CLOSED.value,
                "close_reason": str(reason),
                "closed_at": now,
            },
        )
        return {}

    return change_orders(
        orders,
        guards=guards.write_off if writes_off else guards.close,
        write=write,
        now=now,
        provided=provided,
        skip_locked=skip_locked,
    )
