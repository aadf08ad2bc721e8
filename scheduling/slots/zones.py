"""Conversion between instants and local times, with changes of the clocks.

Wall times are datetimes without a zone, instants are datetimes in UTC.
"""

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from scheduling.slots.errors import InvalidTimingError

_SECOND = timedelta(seconds=1)
#: In the database, and no place: one differs from host to host, one is for none.
NO_PLACES = frozenset({"localtime", "Factory"})


@cache
def zone_names() -> list[str]:
    """Return the names of all zones that stand for a place, or for UTC, in order."""
    return sorted(available_timezones() - NO_PLACES)


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises InvalidTimingError for the field ``zone`` where no such zone exists.
    """
    if name in NO_PLACES:
        raise _unknown(name)
    try:
        return ZoneInfo(name)
    # A path out of the database of zones, or one of its directories: "Europe".
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unknown(name) from None


def _unknown(name: str) -> InvalidTimingError:
    alike = get_close_matches(name, zone_names(), 1, 0.8)
    hint = f" Did you mean {alike[0]}?" if alike else ""
    return InvalidTimingError(
        "zone",
        f"There is no time zone {name!r}: use an IANA name such as "
        f"Europe/Berlin.{hint}",
    )


def wall_time(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the zone's clock shows; ``fold`` is 1 where it shows it again."""
    return instant.astimezone(zone).replace(tzinfo=None)


def offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    """Return how far the zone's clock is ahead of UTC."""
    return instant.astimezone(zone).replace(tzinfo=UTC) - instant


def shift_at(wall: datetime, zone: ZoneInfo) -> timedelta:
    """Return by how much the clock leaps at this time: by nothing on most days.

    It is positive where the clock leaps over the time, negative where it shows it
    twice.
    """
    earlier, later = _readings(wall, zone)
    return earlier - later


def first_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the zone's clock shows this time, or a later.

    That is the first of two if the time is repeated, and the end of the gap if it is
    skipped.
    """
    earlier, later = _readings(wall, zone)
    return last_change(later, earlier, zone) if later < earlier else earlier


def furthest_wall_time(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the latest time that the zone's clock had shown by this instant.

    In an hour that autumn repeats, that is the last moment of the hour.
    """
    wall = wall_time(instant, zone)
    if not wall.fold:
        return wall
    repeated = -shift_at(wall, zone)
    change = last_change(instant - repeated, instant, zone)
    return wall_time(change, zone).replace(fold=0) + repeated - timedelta.resolution


def last_change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant after ``start``, up to ``end``, at which the clock changed.

    It must have changed there, and once.
    """
    before, after = start, end
    offset = offset_at(end, zone)
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        if offset_at(middle, zone) == offset:
            after = middle
        else:
            before = middle
    # Clocks change at whole seconds, of which one is left.
    return after.replace(microsecond=0)


def _readings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instant of a time as the clock went before and after a change.

    The two are the same but where a change swallows or repeats the time.
    """
    local = wall.replace(tzinfo=zone, fold=0)
    return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
