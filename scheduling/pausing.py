"""Pause and resume schedules, a set at a time, and account for the slots between.

The road of every change: lock the Schedules in key order, read the definitions in a
statement of its own, check, write, commit. Neither pausing nor resuming ever runs
anything: what a pause kept from running is written down as missed or skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django_celery_beat.models import PeriodicTask

from scheduling import changes, slots
from scheduling.clock import AN_INSTANT, database_now
from scheduling.exceptions import InvalidPause, Refusal
from scheduling.models import Run, Schedule
from scheduling.slots import InvalidTimingError, Timing
from scheduling.spoken import number_of, spoken_instant
from scheduling.timing import timing_of

logger = logging.getLogger(__name__)

LONGEST_REASON = 1000
FIELDS = ("paused_at", "paused_by", "pause_reason", "paused_until")


@dataclass
class Outcome:
    """What became of a set: the schedules changed, and why others were not.

    ``runs`` are those written down for slots that did not run.
    """

    changed: list[Schedule] = field(default_factory=list)
    refused: dict[int, Refusal] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)


@dataclass(frozen=True)
class Stretch:
    """The slots of a stretch of time: how many, the first and the last."""

    count: int
    first: datetime
    last: datetime

    def __str__(self) -> str:
        if self.count == 1:
            return f"1 slot, at {spoken_instant(self.first)}"
        return (
            f"{number_of(self.count, 'slot')} from {spoken_instant(self.first)}"
            f" to {spoken_instant(self.last)}"
        )


def pause(
    task_ids: Collection[int],
    *,
    by: str,
    reason: str,
    until: datetime | None = None,
) -> Outcome:
    """Let nothing come due from now on, or until an instant.

    Runs that wait or are at work go on. A slot that is due and was not sent becomes a
    missed Run. Refused by name: a schedule that is paused already, and one that the
    clock does not know. Raises InvalidPause without a reason, or where the end is past.
    """
    reason = _checked(reason)
    outcome = Outcome()
    with transaction.atomic():
        schedules = lock(task_ids)
        now = database_now()
        _refuse_unknown(task_ids, schedules, outcome)
        if until is not None and until <= now:
            raise InvalidPause("until", "A pause ends in the future.")
        for schedule in schedules:
            if stands(schedule, now):
                outcome.refused[schedule.pk] = _paused_already(schedule)
                continue
            outcome.runs += _unsent(
                schedule, now, f"{by} paused the schedule: {reason}"
            )
            outcome.runs += _passed_in_pause(schedule, now)
            schedule.paused_at, schedule.paused_until = now, until
            schedule.paused_by, schedule.pause_reason = by, reason
            schedule.next_slot = _next_slot(schedule, now)
            outcome.changed.append(schedule)
        _write(outcome)
    _log("schedules_paused", outcome, by)
    return outcome


def resume(task_ids: Collection[int], *, by: str) -> Outcome:
    """Let the first slot after now come due again.

    The slots of the pause become one skipped Run. Refused by name: a schedule that is
    not paused, one that could not run, and one that the clock does not know.
    """
    outcome = Outcome()
    with transaction.atomic():
        schedules = lock(task_ids)
        now = database_now()
        _refuse_unknown(task_ids, schedules, outcome)
        for schedule in schedules:
            refusal = _why_not_resumed(schedule, now)
            if refusal:
                outcome.refused[schedule.pk] = refusal
                continue
            outcome.runs += end(schedule, now)
            schedule.next_slot = _next_slot(schedule, now)
            outcome.changed.append(schedule)
        _write(outcome)
    _log("schedules_resumed", outcome, by)
    return outcome


def stands(schedule: Schedule, now: datetime) -> bool:
    """Return whether a pause keeps slots from coming due at an instant.

    One whose end has come stands in the row until the next slot comes.
    """
    until = schedule.paused_until
    return schedule.is_paused and (until is None or until > now)


def end(schedule: Schedule, now: datetime) -> list[Run]:
    """Take a pause off a locked Schedule; return the Run that accounts for it.

    Saves neither. The Schedule has its ``periodic_task`` with the rows that say when.
    """
    passed = _passed_in_pause(schedule, now)
    schedule.paused_at = schedule.paused_until = None
    schedule.paused_by = schedule.pause_reason = ""
    return passed


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


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise InvalidPause("reason", "Say why: others will read it.")
    if len(reason) > LONGEST_REASON:
        raise InvalidPause("reason", f"Say it in {LONGEST_REASON:,} characters.")
    return reason


def lock(task_ids: Collection[int]) -> list[Schedule]:
    """Lock Schedules in key order, then read their definitions; three queries.

    One that no beat has made yet is made here.
    """
    known = PeriodicTask.objects.filter(pk__in=task_ids)
    strays = known.filter(clock__isnull=True).values_list("pk", flat=True)
    changes.add_missing(dict.fromkeys(strays, database_now()))
    rows = Schedule.objects.filter(pk__in=task_ids).order_by("pk")
    schedules = list(rows.select_for_update(of=("self",)))
    tasks = changes.definitions_of(schedule.pk for schedule in schedules)
    for schedule in schedules:
        schedule.periodic_task = tasks[schedule.pk]
    return schedules


def _refuse_unknown(
    task_ids: Collection[int], schedules: Collection[Schedule], outcome: Outcome
) -> None:
    for pk in set(task_ids) - {schedule.pk for schedule in schedules}:
        outcome.refused[pk] = Refusal("There is no such schedule any more.")


def _why_not_resumed(schedule: Schedule, now: datetime) -> Refusal | None:
    if not stands(schedule, now):
        return Refusal(f"“{schedule}” is not paused.")
    trouble = changes.trouble_with(schedule, schedule.periodic_task)
    return Refusal(f"“{schedule}” cannot run. {trouble}") if trouble else None


def _paused_already(schedule: Schedule) -> Refusal:
    return Refusal(
        f"“{schedule}” is paused already, by {schedule.paused_by}:"
        f" {schedule.pause_reason}"
    )


def _unsent(schedule: Schedule, now: datetime, why: str) -> list[Run]:
    """Return what becomes of slots that are due, and that no beat has sent."""
    first = schedule.next_slot
    if first is None or first > now:
        return []
    when = _timing_of(schedule)
    later = None if when is None or when.one_off else _stretch(when, first, now)
    if later is None:
        due = Stretch(1, first, first)
    else:
        due = Stretch(1 + later.count, first, later.last)
    return [
        _not_run(schedule, due, Run.State.MISSED, f"{due} not sent when {why}", now)
    ]


def _passed_in_pause(schedule: Schedule, now: datetime) -> list[Run]:
    passed = passed_while_paused(schedule, now)
    if passed is None:
        return []
    reason = schedule.pause_reason.rstrip(".")
    sentence = f"Paused by {schedule.paused_by}: {reason}. {passed}."
    return [_not_run(schedule, passed, Run.State.SKIPPED, sentence, now)]


def _stretch(when: Timing, begin: datetime, end: datetime) -> Stretch | None:
    """Return the slots after one instant up to another; None where there is none."""
    count = slots.count_between(when, begin, end)
    first = slots.next_slot(when, begin)
    last = slots.latest_between(when, begin, end)
    if not count or first is None or last is None:
        return None
    return Stretch(count, first, last)


def _timing_of(schedule: Schedule) -> Timing | None:
    """Return when a schedule is due; None where it is off, or makes no sense."""
    if not schedule.periodic_task.enabled:
        return None
    try:
        return timing_of(schedule.periodic_task, schedule.anchor)
    except InvalidTimingError:
        return None


def _next_slot(schedule: Schedule, now: datetime) -> datetime | None:
    try:
        return changes.next_slot(schedule, schedule.periodic_task, now)
    except InvalidTimingError:
        return None


def _not_run(
    schedule: Schedule, passed: Stretch, state: Run.State, reason: str, now: datetime
) -> Run:
    task = schedule.periodic_task
    return Run(
        periodic_task=task,
        name=task.name,
        task=task.task,
        slot=passed.first,
        slots_missed=passed.count,
        trigger=Run.Trigger.SCHEDULE,
        state=state,
        reason=reason,
        created_at=now,
        finished_at=now,
    )


def _write(outcome: Outcome) -> None:
    """Write what was decided. A slot that has its row already keeps that one."""
    Schedule.objects.bulk_update(
        outcome.changed, ["next_slot", *FIELDS], batch_size=500
    )
    Run.objects.bulk_create(outcome.runs, ignore_conflicts=True, batch_size=500)


def _log(event: str, outcome: Outcome, by: str) -> None:
    keys = [schedule.pk for schedule in outcome.changed]
    logger.info(event, extra={"schedules": keys, "by": by})
