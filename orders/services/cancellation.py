"""Cancel orders."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

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


def cancel_orders(
    orders: Iterable[Order | UUID],
    *,
    reason: str,
    note: str = "",
    override: bool = False,
    by: Actor = SYSTEM,
    now: datetime | None = None,
    found: Finding | None = None,
) -> Outcome:
    """Cancel drafts and open orders, and give back what they reserved.

    ``reason`` is one of Order.CancelReason. ``override``: the actor holds the
    right to cancel although money was captured. Parcels that were packed but not
    sent are cancelled with the order; cancelled units stay as they were, so that
    an order can be reinstated exactly. ``found``: a sweep asks (see Finding).
    Raises InvalidInput for an unknown reason.
    """
    check_choice("reason", reason, Order.CancelReason.values)
    check_text("note", note, longest=4000)
    data = {"reason": str(reason)} | dict(found.data if found else {})
    event = NewEvent(OrderEvent.Type.CANCELLED, by, note=note, data=data)
    pending_since = found.pending_since if found else None

    def write(ids: Ids, now: datetime) -> Problems:
        quantities = abandon_shipping(ids, now=now)
        write_orders(
            ids,
            event,
            now=now,
            assign={
                "status": Order.Status.CANCELLED.value,
                "cancel_reason": str(reason),
                "cancelled_at": now,
            },
        )
        stock.give_back(quantities)
        return {}

    return change_orders(
        orders,
        guards=partial(guards.cancel, override=override, pending_since=pending_since),
        write=write,
        now=now,
        found=found,
    )
