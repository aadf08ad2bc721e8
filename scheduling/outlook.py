"""What is to come of a schedule: its next slots, and what may surprise its owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from django.conf import settings

from scheduling import slots
from scheduling.formatting import format_duration, number_of
from scheduling.models import Run, Schedule
from scheduling.slots import Crontab, Timing

SLOTS_SHOWN = 10
DAY = timedelta(days=1)
MANY_A_DAY = 1000
#: So many of the latest runs say how long one takes.
RUNS_MEASURED = 20

_OUTCOMES = {
    Schedule.Overlap.SKIP: "slots will be skipped",
    Schedule.Overlap.QUEUE: "runs will wait for each other, longer and longer",
    Schedule.Overlap.ALLOW: "more and more runs will be at work at once",
}


@dataclass(frozen=True)
class Slot:
    """An instant, and what a change of the clocks does to it."""

    at: datetime
    note: str


@dataclass(frozen=True)
class Outlook:
    """The next slots as the zone of the schedule shows them, and the warnings."""

    zone: ZoneInfo
    slots: tuple[Slot, ...]
    warnings: tuple[str, ...]


def look_ahead(
    timing: Timing, *, now: datetime, runs_of: Schedule | None = None
) -> Outlook:
    """Return what is to come after an instant; a query where ``runs_of`` is given.

    ``timing`` has a meaning: see `slots.check`.
    """
    coming = slots.next_slots(timing, now, SLOTS_SHOWN)
    return Outlook(
        zone=zone_of(timing),
        slots=tuple(Slot(at, slots.changeover_note(timing, at)) for at in coming),
        warnings=tuple(_warnings(timing, coming, now, runs_of)),
    )


def zone_of(timing: Timing) -> ZoneInfo:
    """Return the zone in which a schedule is read: a crontab's own, else the desk's."""
    rule = timing.rule
    if isinstance(rule, Crontab):
        return ZoneInfo(rule.zone)
    return ZoneInfo(settings.BUSINESS_TIME_ZONE)


def _warnings(
    timing: Timing,
    coming: list[datetime],
    now: datetime,
    runs_of: Schedule | None,
) -> Iterator[str]:
    if not coming:
        yield "It never fires again."
    a_day = slots.count_between(timing, now, now + DAY)
    if a_day > MANY_A_DAY:
        yield f"It fires {number_of(a_day, 'time')} a day."
    if runs_of is not None:
        yield from _too_slow(coming, runs_of)


def _too_slow(coming: list[datetime], schedule: Schedule) -> Iterator[str]:
    if len(coming) <= 1:
        return
    shortest = min(later - earlier for earlier, later in pairwise(coming))
    typical = typical_duration(schedule)
    if typical is None or typical <= shortest:
        return
    yield (
        f"A run takes {format_duration(typical)}, which is more than the"
        f" {format_duration(shortest)} from slot to slot:"
        f" {_OUTCOMES[Schedule.Overlap(schedule.overlap)]}."
    )


def typical_duration(schedule: Schedule) -> timedelta | None:
    """Return how long the latest runs took, as the median; None where none has."""
    runs = Run.objects.filter(
        periodic_task=schedule.pk, state=Run.State.SUCCEEDED, started_at__isnull=False
    ).order_by("-created_at", "id")
    times = runs.values_list("started_at", "finished_at")[:RUNS_MEASURED]
    return _median(end - start for start, end in times if start and end)


def _median(lengths: Iterable[timedelta]) -> timedelta | None:
    seconds = [length.total_seconds() for length in lengths]
    return timedelta(seconds=median(seconds)) if seconds else None
