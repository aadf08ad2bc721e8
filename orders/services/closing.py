"""Close orders that are done with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orders.exceptions import InvalidInput
from orders.models import Actor, Order, OrderEvent

from . import guards, stock
from .drafting import SYSTEM
from .fulfillment import abandon_shipping
from .input import check_choice, check_text
from .timeline import NewEvent, write_orders
from .transition import Finding, Ids, Outcome, Problems, change_orders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

Reason = Order.CloseReason


def close_orders(
    orders: Iterable[Order | UUID],
    *,
    reason: str = Reason.COMPLETED,
    note: str = "",
    override: bool = False,
    by: Actor = SYSTEM,
    now: datetime | None = None,
    found: Finding | None = None,
) -> Outcome:
    """Close open orders that are settled, fulfilled and free of open matters.

    ``reason`` is one of Order.CloseReason. ``written_off`` closes an order that
    is not, gives back what it still had to send, and takes ``override`` (the
    actor's right to do so). ``found``: a sweep asks (see Finding). Raises
    InvalidInput for an unknown reason, or for a write-off without the right.
    """
    check_choice("reason", reason, Reason.values)
    check_text("note", note, longest=4000)
    writes_off = reason == Reason.WRITTEN_OFF
    if writes_off and not override:
        raise InvalidInput("reason", "writing off takes the right to override")
    data = {"reason": str(reason)} | dict(found.data if found else {})
    event = NewEvent(OrderEvent.Type.CLOSED, by, note=note, data=data)
    pending_since = found.pending_since if found else None
    close = partial(guards.close, pending_since=pending_since)

    def write(ids: Ids, now: datetime) -> Problems:
        left = abandon_shipping(ids, now=now) if writes_off else {}
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
        if left:
            stock.give_back(left)
        return {}

    return change_orders(
        orders,
        guards=guards.write_off if writes_off else close,
        write=write,
        now=now,
        found=found,
    )
