"""What happens to slots that have come due: pure functions of the policies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING

from scheduling import slots
from scheduling.clock import AN_INSTANT
from scheduling.formatting import format_instant, number_of
from scheduling.models import Run, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django_celery_beat.models import PeriodicTask

#: A slot that is sent within this time is on time, and overdue after it. It allows
#: for a beat's turn and a database's failover.
ON_TIME = timedelta(minutes=1)
#: This many slots that do not run get a row each; older ones share one.
ROWS_APART = 100
#: The most runs of one schedule that are written at once; the rest follows in the
#: next turn.
RUNS_AT_ONCE = 1000

TOO_OLD = "It was not sent within the time that the schedule allows."
NO_CATCH_UP = "It was not sent in time, and this schedule does not catch up."


@dataclass(frozen=True, kw_only=True)
class NotRun:
    """Slots that will not run: one, or ``count`` from ``slot`` on, and why."""

    slot: datetime
    state: Run.State
    reason: str
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Which slots run, which do not, and what the next one is."""

    run: list[datetime]
    not_run: list[NotRun]
    next_slot: datetime | None


def decide(
    schedule: Schedule,
    task: PeriodicTask,
    timing: slots.Timing,
    *,
    first: datetime,
    now: datetime,
    at_work: str = "",
) -> Decision:
    """Decide on every slot from ``first``, which is due, up to ``now``.

    ``at_work`` says why a slot cannot run beside an open run of the schedule. Slots
    of an outage that are each caught up wait for one another, and are not skipped.
    """
    oldest_to_run = now - patience(schedule, task)
    if schedule.catch_up == Schedule.CatchUp.ALL:
        run, passed = _each(timing, first, now, oldest_to_run)
    else:
        run, passed = _latest(schedule, timing, first, now, oldest_to_run)
    # Slots that did not fit in are decided in the next turn.
    next_slot = slots.next_slot(timing, run[-1] if len(run) == RUNS_AT_ONCE else now)
    if at_work and schedule.overlap == Schedule.Overlap.SKIP:
        waits = [slot for slot in run if _takes_its_turn(schedule, slot, now)]
        if beside := run[len(waits) :]:
            first, last = beside[0], beside[-1]
            passed += _not_run(timing, first, last, Run.State.SKIPPED, at_work)
        run = waits
    return Decision(run=run, not_run=passed, next_slot=next_slot)


def patience(schedule: Schedule, task: PeriodicTask) -> timedelta:
    """Return how long after its slot a run may still start."""
    longest = max(schedule.catch_up_window, ON_TIME)
    if task.expire_seconds is not None:
        longest = min(longest, timedelta(seconds=task.expire_seconds))
    return longest


def ring_after(schedule: Schedule, task: PeriodicTask, slot: datetime) -> datetime:
    """Return when the run of a slot may start; a slot's jitter is always the same.

    Jitter does not move the run beyond the end of the schedule.
    """
    spread = schedule.jitter
    if task.expires:
        spread = min(spread, task.expires - slot)
    if not spread:
        return slot
    seed = f"{schedule.pk} {slot.isoformat()}".encode()
    share = int.from_bytes(hashlib.sha256(seed).digest()[:8]) / 2**64
    return slot + spread * share


def deadline(schedule: Schedule, task: PeriodicTask, slot: datetime) -> datetime:
    """Return by when the run of a slot must have started."""
    latest = ring_after(schedule, task, slot) + patience(schedule, task)
    return min(latest, task.expires) if task.expires else latest


def _takes_its_turn(schedule: Schedule, slot: datetime, now: datetime) -> bool:
    return schedule.catch_up == Schedule.CatchUp.ALL and now - slot > ON_TIME


def _each(
    timing: slots.Timing, first: datetime, now: datetime, oldest_to_run: datetime
) -> tuple[list[datetime], list[NotRun]]:
    """Return the slots that may still run, up to the limit, and those too old."""
    if first >= oldest_to_run:
        return list(islice(_due(timing, first, now), RUNS_AT_ONCE)), []
    before = min(oldest_to_run - AN_INSTANT, now)
    may_run = slots.slots_between(timing, before, now)
    too_old = _not_run(timing, first, before, Run.State.MISSED, TOO_OLD)
    return list(islice(may_run, RUNS_AT_ONCE)), too_old


def _latest(
    schedule: Schedule,
    timing: slots.Timing,
    first: datetime,
    now: datetime,
    oldest_to_run: datetime,
) -> tuple[list[datetime], list[NotRun]]:
    """Return the latest slot, if it may still run, and the slots that do not run."""
    newest = first
    if not timing.one_off:
        newest = slots.latest_between(timing, first, now) or first
    if newest < oldest_to_run:
        return [], _not_run(timing, first, newest, Run.State.MISSED, TOO_OLD)
    if schedule.catch_up == Schedule.CatchUp.SKIP and now - newest > ON_TIME:
        return [], _not_run(timing, first, newest, Run.State.SKIPPED, NO_CATCH_UP)
    if newest == first:
        return [newest], []
    instead = f"The slot of {format_instant(newest)} runs instead."
    before = newest - AN_INSTANT
    return [newest], _not_run(timing, first, before, Run.State.SKIPPED, instead)


def _due(timing: slots.Timing, first: datetime, end: datetime) -> Iterator[datetime]:
    """Return ``first``, which is due whatever the calendar says now, and later slots.

    A schedule that runs once has no later ones.
    """
    if timing.one_off:
        return iter((first,))
    return chain((first,), slots.slots_between(timing, first, end))


def _not_run(
    timing: slots.Timing,
    first: datetime,
    end: datetime,
    state: Run.State,
    reason: str,
) -> list[NotRun]:
    """Give the latest hundred slots a row each, and all older ones a shared row.

    ``first`` is due whatever the calendar says. The older ones are counted without
    iterating over them: in a year of seconds there are thirty million.
    """
    recent: list[datetime] = []
    if not timing.one_off:
        recent = slots.latest_slots(timing, first, end, ROWS_APART)
    if len(recent) < ROWS_APART:
        each = [first, *recent]
        return [NotRun(slot=slot, state=state, reason=reason) for slot in each]
    count = 1 + slots.count_between(timing, first, end) - ROWS_APART
    last = slots.latest_between(timing, first, recent[0] - AN_INSTANT) or first
    between = f"from {format_instant(first)} to {format_instant(last)}"
    told = f"{number_of(count, 'slot')} {between}. {reason}"
    older = NotRun(slot=first, state=state, reason=told, count=count)
    return [older, *(NotRun(slot=slot, state=state, reason=reason) for slot in recent)]
