"""Slots that have no row: what beat should have written down, and has not.

The calendar is asked anew, and not beat: its rows are compared with the slots that
there should have been. A turn looks at a part of the schedules, so that it costs the
same with ten thousand of them; turn by turn all of them have theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from scheduling import slots
from scheduling.clock import AN_INSTANT
from scheduling.models import Schedule
from scheduling.slots import Interval, InvalidTimingError, Timing
from scheduling.timing import fingerprint, timing_of, with_schedules

#: How long a slot may stay without a row: beats take turns, databases fail over.
GRACE = timedelta(minutes=3)
TURN = timedelta(seconds=15)
SCHEDULES_A_TURN = 250
#: The latest slot is sought so far back, and from there the slots of an hour.
LOOK_BACK = timedelta(days=1)
WINDOW = timedelta(hours=1)
SLOTS_A_SCHEDULE = 100

WITHOUT_A_ROW = """
SELECT expected.id, min(expected.slot), count(*)
FROM unnest(%s::bigint[], %s::timestamptz[]) AS expected (id, slot)
WHERE NOT EXISTS (
    SELECT FROM scheduling_run AS run
    WHERE run.periodic_task_id = expected.id AND run.slot = expected.slot
)
AND NOT EXISTS (
    -- One row that stands for many slots: those up to when it was written.
    SELECT FROM scheduling_run AS run
    WHERE run.periodic_task_id = expected.id AND run.created_at >= expected.slot
    AND run.slot <= expected.slot AND run.slots_missed > 1
)
GROUP BY expected.id
"""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Slots of a schedule that have no row: how many, and the first of them."""

    schedule: Schedule
    first: datetime
    count: int


def find_gaps(now: datetime, *, suspects: Collection[int] = ()) -> list[Gap]:
    """Compare this turn's part of the schedules, and the suspects, with their rows.

    Three queries. A schedule that is off or paused is none of ours, nor one whose
    definition beat has yet to read.
    """
    schedules = {schedule.pk: schedule for schedule in _at_hand(now, suspects)}
    expected = [
        (schedule.pk, slot)
        for schedule in schedules.values()
        for slot in _expected(schedule, now)
    ]
    return [
        Gap(schedule=schedules[pk], first=first, count=count)
        for pk, first, count in _without_a_row(expected)
    ]


def _at_hand(now: datetime, suspects: Collection[int]) -> Iterable[Schedule]:
    on = Schedule.objects.filter(periodic_task__enabled=True, paused_at=None)
    keys = list(on.order_by("pk").values_list("pk", flat=True))
    parts = -(-len(keys) // SCHEDULES_A_TURN) or 1
    part = int(now.timestamp() // TURN.total_seconds()) % parts
    start = part * SCHEDULES_A_TURN
    mine = keys[start : start + SCHEDULES_A_TURN]
    hand = on.filter(Q(pk__in=mine) | Q(pk__in=suspects))
    tasks = with_schedules(PeriodicTask.objects.filter(clock__in=hand))
    return [task.clock for task in tasks.select_related("clock")]


def _expected(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """Yield the slots of late that must have a row by now, at most a hundred."""
    task = schedule.periodic_task
    since = max(schedule.anchor, schedule.changed_at)
    end = now - GRACE
    if schedule.next_slot:
        # What has come due and is not taken up yet is late, and not forgotten.
        end = min(end, schedule.next_slot - AN_INSTANT)
    if end <= since or schedule.fingerprint != fingerprint(task):
        return iter(())
    try:
        timing = timing_of(task, schedule.anchor)
    except InvalidTimingError:
        return iter(())
    return islice(_of_late(timing, since, end), SLOTS_A_SCHEDULE)


def _of_late(timing: Timing, since: datetime, end: datetime) -> Iterator[datetime]:
    if timing.one_off:
        # Its one slot is the first after the definition, wherever one looks from.
        return slots.slots_between(timing, since, end)
    latest = slots.latest_between(timing, max(since, end - LOOK_BACK), end)
    if latest is None:
        return iter(())
    window = WINDOW
    if isinstance(timing.rule, Interval):
        window = min(window, timing.rule.every * (SLOTS_A_SCHEDULE - 1))
    return slots.slots_between(timing, max(since, latest - window), end)


def _without_a_row(
    expected: list[tuple[int, datetime]],
) -> list[tuple[int, datetime, int]]:
    if not expected:
        return []
    keys, instants = zip(*expected, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_A_ROW, [list(keys), list(instants)])
        return [(pk, first, count) for pk, first, count in cursor.fetchall()]
