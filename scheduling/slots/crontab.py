"""Crontabs: local times in a zone, where the clocks change twice a year."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scheduling.slots import fields, zones
from scheduling.slots.errors import InvalidTimingError
from scheduling.slots.pattern import Pattern

_HOURS_OF_A_DAY = tuple(range(24))
_DAY = timedelta(days=1)
_MOMENT = timedelta.resolution
_LISTED_TIMES = 3


@dataclass(frozen=True, slots=True)
class Crontab:
    """Due when a zone's clock matches five fields, each interpreted as by Celery.

    A day must match day of month *and* day of week. A time that is skipped in spring
    is due at the end of the gap; one that is repeated in autumn is due once, the first
    time. If all 24 hours match, it is due in both of the repeated hours, and skipped
    times are left out.
    """

    minute: str = "*"
    hour: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"
    day_of_week: str = "*"
    zone: str = "UTC"


@lru_cache(maxsize=16_384)
def parse(rule: Crontab) -> tuple[Pattern, ZoneInfo]:
    """Return what the fields say, and the zone.

    Raises InvalidTimingError if a field is not valid, if no day fits them all, or
    if the zone does not exist.
    """
    zone = zones.zone_named(rule.zone)
    pattern = Pattern(
        minutes=tuple(sorted(fields.MINUTE.parse(rule.minute))),
        hours=tuple(sorted(fields.HOUR.parse(rule.hour))),
        days=tuple(sorted(fields.DAY_OF_MONTH.parse(rule.day_of_month))),
        months=tuple(sorted(fields.MONTH_OF_YEAR.parse(rule.month_of_year))),
        weekdays=fields.DAY_OF_WEEK.parse(rule.day_of_week),
    )
    # From any day on: within forty years every date falls on every weekday.
    if pattern.first_day_after(date(2000, 1, 1)) is None:
        raise InvalidTimingError(
            "day_of_month",
            f"Day {rule.day_of_month} never occurs in month {rule.month_of_year}: "
            "change the day or the month.",
        )
    return pattern, zone


def first_after(rule: Crontab, after: datetime) -> datetime | None:
    """Return the first instant after this one at which the crontab is due."""
    pattern, zone = parse(rule)
    if _is_hourly(pattern):
        return _first_shown(pattern, zone, after)
    wall = pattern.first_after(zones.furthest_wall_time(after, zone))
    return wall and zones.first_showing(wall, zone)


def count_between(rule: Crontab, start: datetime, end: datetime) -> int:
    """Count the instants after ``start`` up to ``end``, walking only over days."""
    pattern, zone = parse(rule)
    read = zones.wall_time if _is_hourly(pattern) else zones.furthest_wall_time
    count = 0
    while start < end:
        until = _steady_until(start, min(start + _DAY, end), zone)
        if until > start:
            walls = read(start, zone), read(until, zone)
            count += pattern.count_within_a_day(*walls)
        else:
            # The clocks change at the very next instant.
            until = start + _MOMENT
            count += first_after(rule, start) == until
        start = until
    return count


def changeover_note(rule: Crontab, slot: datetime) -> str:
    """Return what a change of the clocks does to this slot, as a sentence, or ''."""
    pattern, zone = parse(rule)
    wall = zones.wall_time(slot, zone)
    shift = zones.shift_at(wall, zone)
    if shift < timedelta(0):
        return _note_on_repetition(wall, hourly=_is_hourly(pattern))
    gap = zones.offset_at(slot, zone) - zones.offset_at(slot - _MOMENT, zone)
    if gap <= timedelta(0) or _is_hourly(pattern):
        return ""
    return _note_on_gap(list(pattern.between(wall - gap, wall)), wall)


def _is_hourly(pattern: Pattern) -> bool:
    return pattern.hours == _HOURS_OF_A_DAY


def _first_shown(pattern: Pattern, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first instant after this one at which the clock shows a fitting time.

    Time is searched in stretches of a day or less in which the clocks stand still;
    after a change, the search goes on from it.
    """
    start = after + _MOMENT
    while True:
        wall = zones.wall_time(start, zone)
        found = pattern.first_after(wall - _MOMENT)
        if found is None:
            return None
        due = start + (found - wall)
        end = min(due, start + _DAY)
        if zones.offset_at(start, zone) != zones.offset_at(end, zone):
            start = zones.last_change(start, end, zone)
        elif due == end:
            return due
        else:
            # No clock is put forward by two days: nothing fits until then.
            start = max(end, due - 2 * _DAY)


def _steady_until(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """Return the last instant up to ``end`` before the clocks change, or ``end``."""
    if zones.offset_at(start, zone) == zones.offset_at(end, zone):
        return end
    return zones.last_change(start, end, zone) - _MOMENT


def _note_on_repetition(wall: datetime, *, hourly: bool) -> str:
    if not hourly:
        return f"The clocks change here: of two times {wall:%H:%M}, this is the first."
    place = "second" if wall.fold else "first"
    return f"The clocks change here: {wall:%H:%M} comes twice, this is the {place}."


def _note_on_gap(swallowed: list[datetime], wall: datetime) -> str:
    times = [f"{time:%H:%M}" for time in swallowed]
    if not times:
        return ""
    if len(times) > _LISTED_TIMES:
        moved = f"{len(times)} times from {times[0]} to {times[-1]} become"
        return f"The clocks change here: {moved} one at {wall:%H:%M}."
    return f"The clocks change here: moved from {' and '.join(times)} to {wall:%H:%M}."
