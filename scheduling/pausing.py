"""Pause and resume schedules, a set at a time, and account for the slots between.

The road of every change: lock the Schedules in key order, read the definitions in a
statement of its own, check, write, commit. Neither pausing nor resuming ever runs
anything: what a pause kept from running is written down as missed or skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from django.db import transaction
from django_celery_beat.models import PeriodicTask

from scheduling import accounting, changes
from scheduling.clock import database_now
from scheduling.exceptions import InvalidPause, Refusal
from scheduling.formatting import format_instant
from scheduling.models import Run, Schedule
from scheduling.slots import InvalidTimingError

logger = logging.getLogger(__name__)

LONGEST_REASON = 1000


@dataclass
class Outcome:
    """What became of a set: the schedules changed, and why others were not.

    ``runs`` are those written down for slots that did not run.
    """

    changed: list[Schedule] = field(default_factory=list)
    refused: dict[int, Refusal] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)


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
            if schedule.is_paused_at(now):
                outcome.refused[schedule.pk] = _paused_already(schedule)
                continue
            why = f"{by} paused the schedule: {reason}"
            outcome.runs += accounting.missed_unsent(schedule, now, why)
            outcome.runs += accounting.end_pause(schedule, now)
            schedule.paused_at, schedule.paused_until = now, until
            schedule.paused_by, schedule.pause_reason = by, reason
            schedule.next_slot = _next_slot(schedule, now)
            outcome.changed.append(schedule)
        _write(outcome)
    _log("schedules_paused", outcome, by)
    return outcome


def resume(task_ids: Collection[int], *, by: str) -> Outcome:
    """Let the first slot after now come due again.

    The slots of the pause become one skipped Run. What failed before counts no more
    towards `pause_after_failures`. Refused by name: a schedule that is not paused, one
    that could not run, and one that the clock does not know.
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
            outcome.runs += accounting.end_pause(schedule, now)
            schedule.changed_at = now
            schedule.next_slot = _next_slot(schedule, now)
            outcome.changed.append(schedule)
        _write(outcome)
    _log("schedules_resumed", outcome, by)
    return outcome


def in_words(schedule: Schedule, zone: tzinfo = UTC) -> str:
    """Say who paused a schedule that is paused, until when, and why."""
    if schedule.paused_by == changes.THE_CLOCK:
        return f"Stopped, until this is mended: {schedule.pause_reason}"
    until = schedule.paused_until
    end = f" until {format_instant(until, zone)}" if until else ""
    return f"Paused by {schedule.paused_by}{end}: {schedule.pause_reason}"


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
    if not schedule.is_paused_at(now):
        return Refusal(f"“{schedule}” is not paused.")
    problem = changes.why_not_runnable(schedule, schedule.periodic_task)
    return Refusal(f"“{schedule}” cannot run. {problem}") if problem else None


def _paused_already(schedule: Schedule) -> Refusal:
    return Refusal(
        f"“{schedule}” is paused already, by {schedule.paused_by}:"
        f" {schedule.pause_reason}"
    )


def _next_slot(schedule: Schedule, now: datetime) -> datetime | None:
    try:
        return changes.next_slot(schedule, schedule.periodic_task, now)
    except InvalidTimingError:
        return None


def _write(outcome: Outcome) -> None:
    """Write what was decided. A slot that has its row already keeps that one."""
    Schedule.objects.bulk_update(
        outcome.changed,
        ["next_slot", "changed_at", *Schedule.PAUSE_FIELDS],
        batch_size=500,
    )
    Run.objects.bulk_create(outcome.runs, ignore_conflicts=True, batch_size=500)


def _log(event: str, outcome: Outcome, by: str) -> None:
    keys = [schedule.pk for schedule in outcome.changed]
    logger.info(event, extra={"schedules": keys, "by": by})
