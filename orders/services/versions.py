"""Refuse changes that are based on an outdated version of an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from orders.models import Order, OrderEvent
from scheduling.clock import database_now

from .transition import Ids, Outcome, Problem, Problems, describe, repeat_when_busy

if TYPE_CHECKING:
    from uuid import UUID


def change_unless_stale(
    seen: Mapping[UUID, int], change: Callable[[Ids], Outcome]
) -> Outcome:
    """Call ``change`` with the orders whose version is still the one that was seen.

    ``change`` calls the services. The others are refused as ``stale``, with the name
    of whoever changed them. The orders stay locked in between, so the same request
    sent twice is carried out once.
    """
    return repeat_when_busy(partial(_change, seen, change))


@transaction.atomic
def _change(seen: Mapping[UUID, int], change: Callable[[Ids], Outcome]) -> Outcome:
    versions = dict(
        Order.objects.filter(pk__in=list(seen))
        .order_by("pk")
        .select_for_update(of=("self",))
        .values_list("pk", "version")
    )
    stale = [pk for pk in seen if versions.get(pk, seen[pk]) != seen[pk]]
    fresh = [pk for pk in seen if pk not in set(stale)]
    outcome = change(fresh) if fresh else Outcome()
    refused = describe(_last_changes(stale), database_now())
    return Outcome(outcome.changed, refused | outcome.refused, outcome.skipped)


def _last_changes(ids: Ids) -> Problems:
    events = OrderEvent.objects.filter(order__in=ids, seq=F("order__event_seq"))
    return {
        event.order_id: Problem(
            "stale",
            f"was changed in the meantime ({event.get_type_display()}, by"
            f" {event.actor_label or event.actor_kind}); check it again",
        )
        for event in events
    }
