"""Notes, tags and the exemption from automation: taken in every state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from orders.models import Actor, Order, OrderEvent

from . import guards
from .drafting import SYSTEM
from .input import check_tags, check_text
from .timeline import NewEvent
from .transition import Outcome, change_orders, writing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID


def add_note(
    orders: Iterable[Order | UUID],
    *,
    note: str,
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Write a note on the timeline. Raises InvalidInput for an empty one."""
    check_text("note", note, longest=4000, required=True)
    write = writing(NewEvent(OrderEvent.Type.NOTE_ADDED, by, note=note))
    return change_orders(orders, guards=guards.anything, write=write, now=now)


def set_tags(
    orders: Iterable[Order | UUID],
    *,
    tags: Iterable[str],
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Replace the tags. Raises InvalidInput for an empty or overlong tag."""
    write = writing(
        NewEvent(OrderEvent.Type.TAG_CHANGED, by),
        {"tags": sql.SQL("{}::varchar[]").format(sql.Literal(check_tags(tags)))},
    )
    return change_orders(orders, guards=guards.anything, write=write, now=now)


def add_tags(
    orders: Iterable[Order | UUID],
    *,
    tags: Iterable[str],
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Add tags to those that each order has."""
    union = sql.SQL(
        "ARRAY(SELECT DISTINCT tag FROM unnest(o.tags || {}::varchar[])"
        " AS t (tag) ORDER BY tag)"
    ).format(sql.Literal(check_tags(tags)))
    write = writing(NewEvent(OrderEvent.Type.TAG_CHANGED, by), {"tags": union})
    return change_orders(orders, guards=guards.anything, write=write, now=now)


def set_automation_exempt(
    orders: Iterable[Order | UUID],
    *,
    exempt: bool,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Exempt these orders from policies, or end the exemption."""
    check_text("note", note, longest=4000)
    write = writing(
        NewEvent(OrderEvent.Type.UPDATED, by, note=note),
        {"automation_exempt": exempt},
    )
    return change_orders(orders, guards=guards.anything, write=write, now=now)
