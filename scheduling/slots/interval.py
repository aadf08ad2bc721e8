"""Instants that are equally far apart."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduling.slots.errors import InvalidTimingError


@dataclass(frozen=True, slots=True)
class Interval:
    """Due at regular intervals; a day is 24 hours, also when the clocks change.

    The instants are on a grid whose origin the timing gives, so neither an outage nor
    a late run moves them.
    """

    every: timedelta


def check(rule: Interval) -> None:
    """Raise InvalidTimingError unless the interval is longer than zero."""
    if rule.every <= timedelta(0):
        raise InvalidTimingError(
            "every", "An interval must be longer than zero: enter 1 or more."
        )


def first_after(rule: Interval, origin: datetime, after: datetime) -> datetime:
    """Return the first instant of the grid after ``after``; all are in UTC."""
    check(rule)
    steps = (after - origin) // rule.every + 1
    return origin + steps * rule.every
