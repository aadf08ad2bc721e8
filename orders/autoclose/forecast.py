"""What a sweep would do now, in a sentence for staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orders.models import Order

from .counting import Tally, count_candidates
from .runs import new_run

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime


def forecast(
    *,
    dry_run: bool = False,
    policies: Collection[str] | None = None,
    limit: int | None = None,
    approve: bool = False,
) -> str:
    """Return what a sweep with these arguments would do at this moment.

    Reads only, by the sweep's own counting. Raises ValueError as start_run does.
    """
    run = new_run(dry_run=dry_run, policies=policies, limit=limit, approve=approve)
    tallies = list(count_candidates(run))
    verb = "count" if run.dry_run else "close"
    return " ".join(
        filter(None, (_closing(tallies, verb, run.cutoff), _waiting(tallies)))
    ) or _nothing(tallies)


def _closing(tallies: Sequence[Tally], verb: str, cutoff: datetime) -> str:
    closing = [tally for tally in tallies if tally.cap]
    if not closing:
        return ""
    count = sum(tally.cap for tally in closing)
    oldest = min(_due_since(tally, cutoff) for tally in closing)
    return f"Would {verb} {_orders(count)}, the oldest due since {oldest}."


def _due_since(tally: Tally, cutoff: datetime) -> date:
    """Return the day, in UTC, on which the policy's first candidate fell due."""
    rule = tally.rule
    candidates = Order.objects.filter(rule.candidates(cutoff))
    # In deadline order as the sweep reads them: the head of an index.
    first = candidates.order_by(rule.clock).values_list(rule.clock, flat=True).first()
    # Counted, and gone since: what was due fell due by the cut-off.
    return (first + rule.delay if first else cutoff).date()


def _waiting(tallies: Sequence[Tally]) -> str:
    waiting = [tally for tally in tallies if tally.needs_approval]
    if not waiting:
        return ""
    count = sum(tally.candidates for tally in waiting)
    kinds = " and ".join(dict.fromkeys(tally.rule.kind.value for tally in waiting))
    needs = "needs" if count == 1 else "need"
    return f"{_orders(count)} ({kinds}) {needs} approval: beyond the surge limit."


def _nothing(tallies: Sequence[Tally]) -> str:
    blocked = sum(tally.blocked.total() for tally in tallies)
    if not blocked:
        return "Nothing to do: no order is due."
    are = "is" if blocked == 1 else "are"
    return f"Nothing to do: {_orders(blocked)} {are} due, and held back."


def _orders(count: int) -> str:
    return f"{count:,} order{'s' * (count != 1)}"
