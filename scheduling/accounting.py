"""Account for the slots that come to no run: each is in a row that says why."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django_celery_beat.models import PeriodicTask

from scheduling import slots
from scheduling.clock import AN_INSTANT
from scheduling.formatting import format_instant, number_of
from scheduling.models import Run, Schedule
from scheduling.slots import InvalidTimingError, Timing
from scheduling.timing import fingerprint, timing_of


@dataclass(frozen=True)
class Stretch:
    """The slots of a stretch of time: how many, the first and the last."""

    count: int
    first: datetime
    last: datetime

    def __str__(self) -> str:
        if self.count == 1:
            return f"1 slot, at {format_instant(self.first)}"
        return (
            f"{number_of(self.count, 'slot')} from {format_instant(self.first)}"
            f" to {format_instant(self.last)}"
        )


def passed_while_paused(schedule: Schedule, now: datetime) -> Stretch | None:
    """Return the slots that the pause has kept from running up to an instant.

    They count from the last edit, where that came later: before, they were others.
    """
    begin, until = schedule.paused_at, schedule.paused_until
    when = _timing_of(schedule)
    if begin is None or when is None:
        return None
    # The slot on which a pause ends is no longer in it.
    last = now if until is None or until > now else until - AN_INSTANT
    return _stretch(when, max(begin, schedule.changed_at), last)


def skipped_by_pause(schedule: Schedule, now: datetime) -> list[Run]:
    """Return the Run that stands for the slots of a pause; none where none passed."""
    passed = passed_while_paused(schedule, now)
    if passed is None:
        return []
    reason = schedule.pause_reason.rstrip(".")
    return [
        not_run(
            schedule,
            passed.first,
            Run.State.SKIPPED,
            f"Paused by {schedule.paused_by}: {reason}. {passed}.",
            now=now,
            count=passed.count,
        )
    ]


def missed_unsent(schedule: Schedule, now: datetime, why: str) -> list[Run]:
    """Return the Run for the slots that are due, and that no beat has sent.

    Of those that came from a definition which is gone, the first alone is known.
    """
    first = schedule.next_slot
    if first is None or first > now:
        return []
    when = _timing_of_next(schedule)
    later = None if when is None or when.one_off else _stretch(when, first, now)
    if later is None:
        due = Stretch(1, first, first)
    else:
        due = Stretch(1 + later.count, first, later.last)
    reason = f"{due} not sent when {why}"
    state = Run.State.MISSED
    return [not_run(schedule, first, state, reason, now=now, count=due.count)]


def not_run(
    schedule: Schedule,
    slot: datetime,
    state: Run.State,
    reason: str,
    *,
    now: datetime,
    count: int = 1,
) -> Run:
    """Return, unsaved, what stands for ``count`` slots from ``slot`` on."""
    task = schedule.periodic_task
    return Run(
        periodic_task=task,
        name=task.name,
        task=task.task,
        slot=slot,
        slots_missed=count,
        trigger=Run.Trigger.SCHEDULE,
        state=state,
        reason=reason,
        created_at=now,
        finished_at=now,
    )


def end_pause(schedule: Schedule, now: datetime) -> list[Run]:
    """Take a pause off a locked Schedule; return the Run that accounts for it.

    Saves neither. The Schedule has its ``periodic_task`` with the rows that say when.
    """
    skipped = skipped_by_pause(schedule, now)
    schedule.paused_at = schedule.paused_until = None
    schedule.paused_by = schedule.pause_reason = ""
    return skipped


def _stretch(when: Timing, begin: datetime, end: datetime) -> Stretch | None:
    """Return the slots after one instant up to another; None where there is none."""
    count = slots.count_between(when, begin, end)
    first = slots.next_slot(when, begin)
    last = slots.latest_between(when, begin, end)
    if not count or first is None or last is None:
        return None
    return Stretch(count, first, last)


def _timing_of_next(schedule: Schedule) -> Timing | None:
    """Return what the next slot was computed from; None where that is gone.

    A schedule that has a next slot was on then; it may have been switched off since.
    """
    task = copy(schedule.periodic_task)
    task.enabled = True
    if fingerprint(task) != schedule.fingerprint:
        return None
    return _valid_timing(task, schedule)


def _timing_of(schedule: Schedule) -> Timing | None:
    """Return when a schedule is due; None where it is off, or makes no sense."""
    task = schedule.periodic_task
    return _valid_timing(task, schedule) if task.enabled else None


def _valid_timing(task: PeriodicTask, schedule: Schedule) -> Timing | None:
    try:
        return timing_of(task, schedule.anchor)
    except InvalidTimingError:
        return None
