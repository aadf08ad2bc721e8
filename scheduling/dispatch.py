"""Claim the schedules that are due, and record what happens to their slots."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models.functions import Now

from scheduling import accounting, changes, policy, slots
from scheduling.clock import database_now
from scheduling.formatting import format_instant
from scheduling.models import Run, Schedule, ScheduleChange
from scheduling.timing import fingerprint, timing_of
from scheduling.validity import arguments_of, unsendable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from django_celery_beat.models import PeriodicTask

logger = logging.getLogger(__name__)

SCHEDULES_AT_ONCE = 500
#: The most Runs of one transaction: after an outage each schedule can have a thousand,
#: and a statement that exceeds its time-out would do so again each time.
RUNS_AT_ONCE = 5000
#: The largest value of django-celery-beat's `total_run_count`.
MOST_COUNTED = 2**31 - 1
State = Run.State


@dataclass
class _Batch:
    """What one transaction is going to write."""

    now: datetime
    runs: list[Run] = field(default_factory=list)
    #: By Schedule: the next slot, how many runs came of it, whether it is used up.
    moved: list[tuple[int, datetime | None, int, bool]] = field(default_factory=list)


def dispatch_due(limit: int = SCHEDULES_AT_ONCE) -> int:
    """Write the Runs that are due, and return how many schedules were planned.

    One transaction, by the database's clock, so that the clocks of beats do not
    matter. Rows that another beat or an edit has locked are skipped.
    """
    with transaction.atomic():
        schedules = _claim(limit)
        if not schedules:
            return 0
        batch = _Batch(now=database_now())
        # Read after the lock, in a statement of its own, which sees the edits that were
        # committed while the first one waited.
        tasks = changes.definitions_of(schedule.pk for schedule in schedules)
        current, anew = _as_computed(schedules, tasks, batch.now)
        at_work = _at_work([schedule.pk for schedule in current])
        planned = 0
        for schedule in current:
            if len(batch.runs) >= RUNS_AT_ONCE:
                break
            _plan_or_stop(schedule, tasks[schedule.pk], batch, at_work)
            planned += 1
        _write(batch)
    return anew + planned


def _claim(limit: int) -> list[Schedule]:
    """Lock what is due, its task as well: the counters there are written too."""
    due = Schedule.objects.filter(next_slot__lte=Now()).order_by("next_slot", "pk")
    due = due.select_related("periodic_task")
    locked = due.select_for_update(
        skip_locked=True, no_key=True, of=("self", "periodic_task")
    )
    return list(locked[:limit])


def _as_computed(
    schedules: list[Schedule], tasks: dict[int, PeriodicTask], now: datetime
) -> tuple[list[Schedule], int]:
    """Return those whose definition is still the one that the slot came from.

    The others are left to their marker. One that has none (the fingerprint is made
    otherwise since a deploy, say) is computed anew from here; how many those were is
    returned as well.
    """
    differ = [
        schedule
        for schedule in schedules
        if schedule.fingerprint != fingerprint(tasks[schedule.pk])
    ]
    left = {schedule.pk for schedule in differ}
    current = [schedule for schedule in schedules if schedule.pk not in left]
    if not differ or ScheduleChange.objects.exists():
        return current, 0
    missed = [changes.follow(each, tasks[each.pk], now) for each in differ]
    changes.write(differ, [run for runs in missed for run in runs])
    return current, len(differ)


def _at_work(keys: Collection[int]) -> dict[int, str]:
    """Say, by schedule, which run is in the way of one that must not overlap."""
    runs = Run.objects.open().filter(
        periodic_task_id__in=keys,
        periodic_task__clock__overlap=Schedule.Overlap.SKIP,
    )
    return {
        key: f"The run of {format_instant(slot or created_at)} had not ended."
        for key, slot, created_at in runs.order_by("-created_at").values_list(
            "periodic_task_id", "slot", "created_at"
        )
    }


def _plan_or_stop(
    schedule: Schedule, task: PeriodicTask, batch: _Batch, at_work: dict[int, str]
) -> None:
    """Plan one schedule; whatever goes wrong with it stops that one alone."""
    schedule.periodic_task = task
    reason = unsendable(task)
    try:
        if schedule.is_paused and not _pause_is_over(schedule, task, batch):
            return
        if not reason:
            _plan(schedule, task, batch, at_work.get(schedule.pk, ""))
    except Exception as error:
        # Nobody knows what somebody will put into a row. Without this, one row would
        # stop the clock for all.
        logger.exception("schedule_not_planned", extra={"schedule": schedule.pk})
        reason = f"The clock cannot plan it: {type(error).__name__}: {error}"
    if reason:
        _stop(schedule, batch, reason)


def _pause_is_over(schedule: Schedule, task: PeriodicTask, batch: _Batch) -> bool:
    """End a pause whose end has come; set aside a slot that comes in spite of one."""
    is_over = not schedule.is_paused_at(batch.now)
    if is_over:
        batch.runs += accounting.end_pause(schedule, batch.now)
    else:
        schedule.next_slot = changes.next_slot(schedule, task, batch.now)
    schedule.save(update_fields=(*Schedule.PAUSE_FIELDS, "next_slot"))
    return is_over


def _plan(schedule: Schedule, task: PeriodicTask, batch: _Batch, at_work: str) -> None:
    timing = timing_of(task, schedule.anchor)
    assert schedule.next_slot is not None  # noqa: S101 - it is due, or not claimed
    decision = policy.decide(
        schedule,
        task,
        timing,
        first=schedule.next_slot,
        now=batch.now,
        at_work=at_work,
    )
    _args, kwargs = arguments_of(task)
    for slot in decision.run:
        batch.runs.append(_run(schedule, task, kwargs, slot, batch.now))
    for passed in decision.not_run:
        batch.runs.append(_not_run(schedule, passed, batch.now))
    is_used_up = slots.is_single(timing) and (
        bool(decision.run) or decision.next_slot is None
    )
    batch.moved.append(
        (
            schedule.pk,
            None if is_used_up else decision.next_slot,
            len(decision.run),
            is_used_up,
        )
    )


def _run(
    schedule: Schedule,
    task: PeriodicTask,
    kwargs: dict[str, Any],
    slot: datetime,
    now: datetime,
) -> Run:
    is_late = now - slot > policy.ON_TIME
    return Run(
        periodic_task=task,
        name=task.name,
        task=task.task,
        kwargs=kwargs,
        slot=slot,
        trigger=Run.Trigger.CATCH_UP if is_late else Run.Trigger.SCHEDULE,
        exclusive=schedule.overlap != Schedule.Overlap.ALLOW,
        ring_after=policy.ring_after(schedule, task, slot),
        deadline=policy.deadline(schedule, task, slot),
        created_at=now,
    )


def _not_run(schedule: Schedule, passed: policy.NotRun, now: datetime) -> Run:
    return accounting.not_run(
        schedule,
        passed.slot,
        passed.state,
        passed.reason,
        now=now,
        count=passed.count,
    )


def _stop(schedule: Schedule, batch: _Batch, reason: str) -> None:
    """Pause a schedule that cannot run, from its slot on, which is missed.

    Those that were due after it are accounted for with the others of the pause.
    """
    slot = schedule.next_slot
    assert slot is not None  # noqa: S101 - as above
    missed = policy.NotRun(slot=slot, state=State.MISSED, reason=reason)
    batch.runs.append(_not_run(schedule, missed, batch.now))
    changes.stop(schedule, reason, slot)
    schedule.save(update_fields=(*Schedule.PAUSE_FIELDS, "next_slot"))


def _write(batch: _Batch) -> None:
    """Write Runs, next slots and counters, in three statements whatever the number.

    A slot that has its Run already keeps it: that decides between two beats.
    """
    Run.objects.bulk_create(batch.runs, ignore_conflicts=True)
    if not batch.moved:
        return
    keys, next_slots, counts, used_up = zip(*batch.moved, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scheduling_schedule AS s SET next_slot = v.next_slot"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS v (id, next_slot)"
            " WHERE s.periodic_task_id = v.id",
            [list(keys), list(next_slots)],
        )
        cursor.execute(
            "UPDATE django_celery_beat_periodictask AS t SET"
            " last_run_at = CASE WHEN v.runs > 0 THEN %s ELSE t.last_run_at END,"
            " total_run_count = least(t.total_run_count::bigint + v.runs, %s),"
            " enabled = t.enabled AND NOT v.used_up"
            " FROM unnest(%s::bigint[], %s::int[], %s::boolean[])"
            " AS v (id, runs, used_up) WHERE t.id = v.id",
            [batch.now, MOST_COUNTED, list(keys), list(counts), list(used_up)],
        )
