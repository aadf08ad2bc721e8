"""Solar events at a place, as Celery's own schedule computes them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import schedules

from scheduling.slots.errors import InvalidTimingError

# Where the sun may fail to rise for months, it does not for more than a year.
_DAYS_TO_SEARCH = 366
_DAY = timedelta(days=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# By the sun's own clock, where the day is cut for each kind of event: as far from
# the event as can be, so that each day has one.
_HOUR_OF_CUT = {"next_rising": 18, "next_setting": 6, "next_transit": 0}
_DEGREES_AN_HOUR = 15
# Ephem's dates are days since.
_EPHEM_EPOCH = datetime(1899, 12, 31, 12, tzinfo=UTC)
EVENTS = (
    "dawn_astronomical",
    "dawn_nautical",
    "dawn_civil",
    "sunrise",
    "solar_noon",
    "sunset",
    "dusk_civil",
    "dusk_nautical",
    "dusk_astronomical",
)


@dataclass(frozen=True, slots=True)
class Solar:
    """Due at a solar event, by name, at a place in degrees north and east.

    Days on which it does not occur there are skipped.
    """

    event: str
    latitude: float
    longitude: float


def check(rule: Solar) -> None:
    """Raise InvalidTimingError where there is no such event or place."""
    if rule.event not in EVENTS:
        raise InvalidTimingError(
            "event",
            f"There is no solar event {rule.event!r}: use one of {', '.join(EVENTS)}.",
        )
    # Not-a-number is within no bounds.
    if not -90 <= rule.latitude <= 90:  # noqa: PLR2004 - the poles
        raise InvalidTimingError(
            "latitude", f"There is no latitude {rule.latitude}: use -90 to 90."
        )
    if not -180 <= rule.longitude <= 180:  # noqa: PLR2004 - around the world
        raise InvalidTimingError(
            "longitude", f"There is no longitude {rule.longitude}: use -180 to 180."
        )


def first_after(rule: Solar, after: datetime) -> datetime | None:
    """Return the event's first occurrence after this instant, to the second.

    The search for an event ends near it, and where depends on where it began. So
    each day is searched from its own beginning: then an event is always one slot.
    """
    check(rule)
    # What is used of it here, its declaration leaves out.
    celery_solar: Any = schedules.solar
    sun = celery_solar(rule.event, rule.latitude, rule.longitude)
    cut = _EPOCH + timedelta(
        hours=_HOUR_OF_CUT[sun.method] - rule.longitude / _DEGREES_AN_HOUR
    )
    today = (after - cut) // _DAY
    for day in range(today, today + _DAYS_TO_SEARCH):
        start = cut + day * _DAY
        found = _first_event(sun, start)
        if found is not None and after < found <= start + _DAY:
            return found
    return None


def _first_event(sun: Any, start: datetime) -> datetime | None:  # noqa: ANN401 - as above
    """Return the first event after this instant, or None where the day has none."""
    options = {"use_center": True} if sun.use_center else {}
    search = getattr(sun.cal, sun.method)
    try:
        found = search(sun.ephem.Sun(), start=sun.ephem.Date(start), **options)
    except sun.ephem.CircumpolarError:
        return None
    nearest = _EPHEM_EPOCH + timedelta(days=found, seconds=0.5)
    return nearest.replace(microsecond=0)
