"""Follow the definitions: whoever changes one, the next slot is computed anew."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask

from scheduling import accounting, slots
from scheduling.clock import AN_INSTANT, database_now
from scheduling.models import Run, Schedule, ScheduleChange
from scheduling.timing import fingerprint, timing_of, with_schedules
from scheduling.validity import problems_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

logger = logging.getLogger(__name__)

MARKERS_AT_ONCE = 1000
#: Who pauses a schedule that cannot run. Lifted when its definition is mended.
THE_CLOCK = "The clock"

WRITE = """
UPDATE scheduling_schedule AS s
SET next_slot = v.next_slot, fingerprint = v.fingerprint, changed_at = v.changed_at,
    paused_at = v.paused_at, paused_by = v.paused_by, pause_reason = v.pause_reason,
    paused_until = v.paused_until
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::timestamptz[],
    %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[])
    AS v (id, next_slot, fingerprint, changed_at, paused_at, paused_by, pause_reason,
        paused_until)
WHERE s.periodic_task_id = v.id
"""


def take_changes(limit: int = MARKERS_AT_ONCE) -> int:
    """Work off the oldest markers and return how many there were; 0: none for now.

    One transaction, for as many tasks at most: of a row that more of them share, the
    rest is left for the next turn, so that slots which are due have theirs between.
    Locks the Schedules concerned in key order and reads the definitions only then, so
    that of two beats with markers of one task the later reads what the earlier did.
    Markers that another beat is at are left to it, and a Schedule that somebody holds
    is come back to: the others do not wait for it.
    """
    with transaction.atomic():
        markers = _take_markers(limit)
        changed = _tasks_of(markers)
        if changed:
            add_missing(changed)
        at_hand = _locked(Schedule.objects.filter(pk__in=sorted(changed)[:limit]))
        _follow(at_hand, changed)
        left = changed.keys() - {schedule.pk for schedule in at_hand}
        _put_back({pk: changed[pk] for pk in left})
    return 0 if left and not at_hand else len(markers)


def add_missing(changed: dict[int, datetime]) -> None:
    """Create the Schedules that are missing; these instants are when they were seen."""
    Schedule.objects.bulk_create(
        (
            Schedule(periodic_task_id=pk, anchor=instant, changed_at=instant)
            for pk, instant in changed.items()
        ),
        ignore_conflicts=True,
    )


def mark_unseen_tasks() -> int:
    """Mark the tasks that no trigger has seen, and return how many there were.

    There are none, unless somebody took the triggers away for a while. One with a
    marker is none: its slots count from that, and not from when a beat came to look.
    """
    seen = ScheduleChange.objects.filter(kind=ScheduleChange.Kind.TASK)
    strays = PeriodicTask.objects.filter(clock__isnull=True).exclude(
        pk__in=seen.values("row_id")
    )
    markers = ScheduleChange.objects.bulk_create(
        ScheduleChange(kind=ScheduleChange.Kind.TASK, row_id=pk)
        for pk in strays.values_list("pk", flat=True)
    )
    return len(markers)


def recheck_stopped() -> int:
    """Lift the clock's own pauses whose reason is gone; return how many those were.

    A deploy may bring the task that a schedule names.
    """
    with transaction.atomic():
        broken = _locked(Schedule.objects.filter(paused_by=THE_CLOCK))
        now = database_now()
        return len(_follow(broken, {schedule.pk: now for schedule in broken}))


def end_pauses() -> int:
    """End the pauses that are over and that no slot ends; return how many there were.

    What came in such a pause is written down, though nothing may come after it: the
    schedule has expired in it, was switched off, or could not run for a while. One
    that still cannot is stopped, as of then.
    """
    with transaction.atomic():
        now = database_now()
        over = Schedule.objects.filter(paused_until__lte=now, next_slot=None)
        schedules = _locked(over)
        tasks = definitions_of(schedule.pk for schedule in schedules)
        skipped = []
        for schedule in schedules:
            schedule.periodic_task = task = tasks[schedule.pk]
            assert schedule.paused_until is not None  # noqa: S101 - as filtered
            in_pause = schedule.paused_until - AN_INSTANT
            skipped += accounting.end_pause(schedule, now)
            problem = why_not_runnable(schedule, task)
            if problem:
                stop(schedule, problem, in_pause)
            else:
                schedule.next_slot = next_slot(schedule, task, in_pause)
        write(schedules, skipped)
    return len(schedules)


def definitions_of(keys: Iterable[int]) -> dict[int, PeriodicTask]:
    """Read these tasks with the rows that say when; one query."""
    return with_schedules(PeriodicTask.objects.all()).in_bulk(list(keys))


def follow(schedule: Schedule, task: PeriodicTask, since: datetime) -> list[Run]:
    """Compute the next slot of a locked Schedule from its definition.

    Slots count from ``since``. Returns the Runs for slots before it that did not run:
    one that was due and not sent, and those of a pause that the clock lifts. A
    definition that cannot run stops its schedule with the reason. Saves nothing: see
    `write`.
    """
    schedule.periodic_task = task
    problem = why_not_runnable(schedule, task)
    not_run = accounting.missed_unsent(schedule, since, "the schedule was edited.")
    if schedule.paused_by == THE_CLOCK and not problem:
        not_run += _lift_pause(schedule, since)
    schedule.fingerprint = fingerprint(task)
    schedule.changed_at = since
    if problem:
        stop(schedule, problem, since)
    else:
        schedule.next_slot = next_slot(schedule, task, since)
    return not_run


def write(schedules: Sequence[Schedule], not_run: Sequence[Run] = ()) -> None:
    """Write what `follow` has computed, in two statements whatever the number."""
    Run.objects.bulk_create(not_run, ignore_conflicts=True)
    rows = [
        (
            schedule.pk,
            schedule.next_slot,
            schedule.fingerprint,
            schedule.changed_at,
            schedule.paused_at,
            schedule.paused_by,
            schedule.pause_reason,
            schedule.paused_until,
        )
        for schedule in schedules
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(WRITE, [list(column) for column in zip(*rows, strict=True)])


def next_slot(
    schedule: Schedule, task: PeriodicTask, after: datetime
) -> datetime | None:
    """Return the next slot after an instant; None for a schedule that is off.

    Raises InvalidTimingError.
    """
    if not task.enabled or (schedule.is_paused and not schedule.paused_until):
        return None
    if schedule.paused_until:
        after = max(after, schedule.paused_until - AN_INSTANT)
    return slots.next_slot(timing_of(task, schedule.anchor), after)


def why_not_runnable(schedule: Schedule, task: PeriodicTask) -> str:
    """Return why a task cannot run as its row stands, or ''. One that is off may."""
    if not task.enabled:
        return ""
    try:
        timing = timing_of(task, schedule.anchor)
    except slots.InvalidTimingError as error:
        return str(error)
    return " ".join(problem.message for problem in problems_of(task, timing))


def stop(schedule: Schedule, reason: str, now: datetime) -> None:
    """Pause a schedule that cannot run, in the name of the clock. Saves nothing.

    One that is paused already stays so, and keeps the reason that staff gave.
    """
    schedule.next_slot = None
    if schedule.is_paused and schedule.paused_by != THE_CLOCK:
        return
    if not schedule.is_paused:
        logger.warning("schedule_stopped", extra={"schedule": schedule.pk})
    schedule.paused_at = schedule.paused_at or now
    schedule.paused_by = THE_CLOCK
    schedule.pause_reason = reason
    schedule.paused_until = None


def _take_markers(limit: int) -> list[tuple[str, int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM scheduling_schedulechange WHERE id IN ("
            " SELECT id FROM scheduling_schedulechange ORDER BY id"
            " LIMIT %s FOR UPDATE SKIP LOCKED"
            ") RETURNING kind, row_id, changed_at",
            [limit],
        )
        markers: list[tuple[str, int, datetime]] = cursor.fetchall()
    return markers


def _tasks_of(markers: list[tuple[str, int, datetime]]) -> dict[int, datetime]:
    """Return the tasks that go by the rows changed, each with the newest instant."""
    newest: dict[tuple[str, int], datetime] = {}
    for kind, row_id, instant in markers:
        row = (kind, row_id)
        newest[row] = max(instant, newest.get(row, instant))
    rows: dict[str, list[int]] = {}
    for kind, row_id in newest:
        rows.setdefault(kind, []).append(row_id)
    changed: dict[int, datetime] = {}
    for kind, ids in rows.items():
        field = "pk" if kind == ScheduleChange.Kind.TASK else f"{kind}_id"
        using = PeriodicTask.objects.filter(**{f"{field}__in": ids})
        for pk, row_id in using.values_list("pk", field):
            instant = newest[kind, row_id]
            changed[pk] = max(instant, changed.get(pk, instant))
    return changed


def _follow(
    schedules: Sequence[Schedule], changed: dict[int, datetime]
) -> list[Schedule]:
    """Read, compute and write; return the Schedules that are other than before.

    They are locked. A new wording, or other arguments, leave the slots alone.
    """
    tasks = definitions_of(schedule.pk for schedule in schedules)
    moved, not_run = [], []
    for schedule in schedules:
        task = tasks.get(schedule.pk)
        if task and _has_moved(schedule, task):
            not_run += follow(schedule, task, changed[schedule.pk])
            moved.append(schedule)
    write(moved, not_run)
    return moved


def _has_moved(schedule: Schedule, task: PeriodicTask) -> bool:
    if schedule.fingerprint != fingerprint(task):
        return True
    return bool(why_not_runnable(schedule, task)) != (schedule.paused_by == THE_CLOCK)


def _locked(schedules: QuerySet[Schedule]) -> list[Schedule]:
    return list(schedules.order_by("pk").select_for_update(skip_locked=True))


def _put_back(held: dict[int, datetime]) -> None:
    """Leave the markers of these tasks, dated as they were, for another turn."""
    ScheduleChange.objects.bulk_create(
        ScheduleChange(kind=ScheduleChange.Kind.TASK, row_id=pk, changed_at=instant)
        for pk, instant in held.items()
    )


def _lift_pause(schedule: Schedule, since: datetime) -> list[Run]:
    """End a pause of the clock's; return the Run for the slots that passed in it.

    Where the definition has changed since, nobody knows them: they were others.
    """
    if schedule.fingerprint != fingerprint(schedule.periodic_task):
        schedule.changed_at = since
    return accounting.end_pause(schedule, since)
