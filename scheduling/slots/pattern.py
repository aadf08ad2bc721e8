"""The local times that match a crontab's fields: no time zone, no instants."""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta

# 29 February falls on a given weekday every 28 years, and where a century without a
# leap day lies between, after 40.
_YEARS_TO_SEARCH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What five fields say, as numbers in order; weekdays count from Sunday, 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: frozenset[int]

    def first_after(self, wall: datetime) -> datetime | None:
        """Return the first time after this one, or None if no day fits."""
        today = wall.date()
        found = self._time_after(wall.hour, wall.minute) if self.fits(today) else None
        if found is not None:
            return datetime.combine(today, found)
        day = self.first_day_after(today)
        if day is None:
            return None
        return datetime.combine(day, time(self.hours[0], self.minutes[0]))

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the times from ``start`` on, before ``end``."""
        wall = self.first_after(start - timedelta.resolution)
        while wall is not None and wall < end:
            yield wall
            wall = self.first_after(wall)

    def count_within_a_day(self, start: datetime, end: datetime) -> int:
        """Count the times after ``start`` up to ``end``, a day later at most."""
        count = self._count_until(end) - self._count_until(start)
        turns = start.date() != end.date() and self.fits(start.date())
        return count + (len(self.hours) * len(self.minutes) if turns else 0)

    def first_day_after(self, day: date) -> date | None:
        """Return the first day after this one that fits, within forty years."""
        for year, month in self._months_from(day):
            is_first = (year, month) == (day.year, day.month)
            numbers = self.days[bisect_right(self.days, day.day) if is_first else 0 :]
            # Days are numbered from a Monday: modulo 7, Sunday is 0.
            eve = date(year, month, 1).toordinal() - 1
            length = monthrange(year, month)[1]
            for number in numbers:
                if number <= length and (eve + number) % 7 in self.weekdays:
                    return date(year, month, number)
        return None

    def fits(self, day: date) -> bool:
        return (
            day.month in self.months
            and day.day in self.days
            and day.toordinal() % 7 in self.weekdays
        )

    def _months_from(self, day: date) -> Iterator[tuple[int, int]]:
        for year in range(day.year, min(day.year + _YEARS_TO_SEARCH, MAXYEAR) + 1):
            for month in self.months:
                if year > day.year or month >= day.month:
                    yield year, month

    def _time_after(self, hour: int, minute: int) -> time | None:
        if hour in self.hours and minute < self.minutes[-1]:
            return time(hour, self.minutes[bisect_right(self.minutes, minute)])
        if hour < self.hours[-1]:
            next_hour = self.hours[bisect_right(self.hours, hour)]
            return time(next_hour, self.minutes[0])
        return None

    def _count_until(self, wall: datetime) -> int:
        """Count the times of the day that are not after this one."""
        if not self.fits(wall.date()):
            return 0
        count = bisect_left(self.hours, wall.hour) * len(self.minutes)
        if wall.hour in self.hours:
            count += bisect_right(self.minutes, wall.minute)
        return count
