"""What will run and what ran, a row for each schedule, over the same span both ways.

The picture of it has so many cells to each side of now, whatever runs: slots and
runs that stand closer than a cell become a stretch, and neither a slot a second nor
a million runs take longer to draw than the cells that they fill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise
from typing import Any

from django.db.models import CharField, Count, DateTimeField, F, Func, Max, Min, Value
from django.db.models.functions import Cast, Coalesce
from django_celery_beat.models import PeriodicTask

from scheduling import pausing, slots
from scheduling.formatting import format_duration, format_instant
from scheduling.models import Run, Schedule
from scheduling.policy import ON_TIME
from scheduling.slots import Timing
from scheduling.timing import in_words, timing_of, with_schedules

#: To each side of now. A cell is some four pixels wide on a desk's screen.
CELLS = 144
#: So many gaps say how often the slots of a stretch come.
GAPS_SAMPLED = 6


@dataclass(frozen=True)
class Span:
    """As much time after now as before it, and the zone in which it is told."""

    now: datetime
    length: timedelta
    zone: tzinfo = UTC

    @property
    def start(self) -> datetime:
        return self.now - self.length

    @property
    def end(self) -> datetime:
        return self.now + self.length

    @property
    def cell(self) -> timedelta:
        return self.length / CELLS


@dataclass(frozen=True)
class Due:
    """One slot to come, or a stretch of them: then ``every`` says how often."""

    first: datetime
    last: datetime
    every: str = ""


@dataclass(frozen=True)
class Ran:
    """One run, or a stretch of runs with the same end; ``run_id`` is one of them."""

    first: datetime
    last: datetime
    state: Run.State
    count: int
    run_id: str


@dataclass(frozen=True)
class Row:
    """One schedule: when it is due in words, what to know of it, both its sides.

    ``overdue`` is a slot that should have been sent by now.
    """

    schedule: Schedule
    words: str
    note: str
    due: Sequence[Due] = ()
    ran: Sequence[Ran] = ()
    overdue: datetime | None = None


def draw(schedules: Iterable[Schedule], span: Span) -> list[Row]:
    """Return a row for each schedule, in the order given. Two queries.

    The schedules come with their periodic tasks.
    """
    known = list(schedules)
    keys = [schedule.pk for schedule in known]
    tasks = with_schedules(PeriodicTask.objects).in_bulk(keys)
    ran = ran_within(keys, span)
    return [
        _row(schedule, tasks.get(schedule.pk), ran.get(schedule.pk, ()), span)
        for schedule in known
    ]


def due_within(timing: Timing, after: datetime, span: Span) -> Iterator[Due]:
    """Yield the slots to come, those that stand closer than a cell as a stretch."""
    slot = slots.next_slot(timing, after)
    while slot and slot <= span.end:
        if timing.one_off:
            yield Due(slot, slot)
            return
        last, following = _stretch(timing, slot, span)
        yield Due(slot, last, _how_often(timing, slot, last))
        slot = following


def ran_within(keys: Sequence[int], span: Span) -> dict[int, list[Ran]]:
    """Return what became of the slots up to now, by schedule; one query.

    A run stands where its slot is, one by hand where it was asked for. Summed up in
    the database: of each state, a cell is one row however many runs it has.
    """
    # No run is written before its slot, so the index of created_at finds them all.
    runs = Run.objects.filter(periodic_task__in=keys, created_at__gt=span.start)
    cells = (
        runs.annotate(at=Coalesce("slot", "created_at"))
        .filter(at__gt=span.start, at__lte=span.now)
        .annotate(cell=_cell_of("at", span))
        .values("periodic_task_id", "state", "cell")
        .annotate(
            first=Min("at"),
            last=Max("at"),
            count=Count("pk"),
            run_id=Max(Cast("pk", CharField())),
        )
        .order_by("periodic_task_id", "state", "cell")
    )
    found: dict[int, list[Ran]] = defaultdict(list)
    for cell in cells:
        _add(found[cell["periodic_task_id"]], cell, span)
    return dict(found)


def _cell_of(column: str, span: Span) -> Func:
    return Func(
        Value(span.cell),
        F(column),
        Value(span.start),
        function="date_bin",
        output_field=DateTimeField(),
    )


def _add(ran: list[Ran], cell: dict[str, Any], span: Span) -> None:
    """Add a cell to the stretch before it, where that is near and ended alike."""
    state = Run.State(cell["state"])
    one = Ran(cell["first"], cell["last"], state, cell["count"], cell["run_id"])
    before = ran[-1] if ran else None
    if before and before.state == state and one.first - before.last <= span.cell:
        count = before.count + one.count
        ran[-1] = replace(before, last=one.last, count=count)
    else:
        ran.append(one)


def _row(
    schedule: Schedule, task: PeriodicTask | None, ran: Sequence[Ran], span: Span
) -> Row:
    if task is None:
        return Row(schedule, "", "It was deleted just now.", (), ran)
    try:
        timing = timing_of(task, schedule.anchor)
    except slots.InvalidTimingError as error:
        return Row(schedule, "", str(error), (), ran)
    overdue = _overdue_slot(schedule, span.now)
    due = tuple(_to_come(schedule, task, timing, span))
    note = _note(schedule, task, overdue, span)
    return Row(schedule, in_words(task), note, due, ran, overdue)


def _to_come(
    schedule: Schedule, task: PeriodicTask, timing: Timing, span: Span
) -> Iterator[Due]:
    until = schedule.paused_until
    if not task.enabled or (schedule.is_paused and until is None):
        return
    # A slot at the very end of a pause runs.
    after = max(span.now, until - timedelta.resolution) if until else span.now
    yield from due_within(timing, after, span)


def _overdue_slot(schedule: Schedule, now: datetime) -> datetime | None:
    slot = schedule.next_slot
    return slot if slot and slot <= now - ON_TIME else None


def _note(
    schedule: Schedule, task: PeriodicTask, overdue: datetime | None, span: Span
) -> str:
    if not task.enabled:
        return "Switched off."
    if schedule.is_paused_at(span.now):
        return pausing.in_words(schedule, span.zone)
    if overdue:
        since = format_instant(overdue, span.zone)
        return f"Overdue since {since}: no beat has sent it."
    return ""


def _stretch(
    timing: Timing, first: datetime, span: Span
) -> tuple[datetime, datetime | None]:
    """Return the last slot of the stretch that begins here, and the slot after it."""
    last = edge = first
    following = slots.next_slot(timing, first)
    while following and following <= span.end and following - edge <= span.cell:
        last = following
        # Over a cell in one step, however many slots are in it.
        edge = min(following + span.cell, span.end)
        following = slots.next_slot(timing, edge)
    if edge > first:
        last = slots.latest_between(timing, last, edge) or last
    return last, following


def _how_often(timing: Timing, first: datetime, last: datetime) -> str:
    if first == last:
        return ""
    some = islice(slots.slots_between(timing, first, last), GAPS_SAMPLED)
    gaps = [after - before for before, after in pairwise([first, *some])]
    shortest, longest = format_duration(min(gaps)), format_duration(max(gaps))
    if shortest == longest:
        return f"every {shortest}"
    return f"every {shortest} to {longest}"
