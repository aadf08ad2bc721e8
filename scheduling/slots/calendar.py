"""The slots of a timing, for every kind of rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from scheduling.slots import clocked, crontab, interval, solar
from scheduling.slots.clocked import Clocked
from scheduling.slots.crontab import Crontab
from scheduling.slots.errors import InvalidTimingError
from scheduling.slots.interval import Interval
from scheduling.slots.solar import Solar

Rule = Crontab | Interval | Solar | Clocked

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Timing:
    """A rule and its bounds. All datetimes are aware.

    Slots are at or after ``start_time`` and before ``expires``. An interval counts
    from ``start_time``, at which it is due, or else from ``anchor``, at which it is
    not. A ``one_off`` timing (a clocked one always is) has only the next slot, from
    whatever instant one asks: the caller has to disable it after it ran.
    """

    rule: Rule
    anchor: datetime
    start_time: datetime | None = None
    expires: datetime | None = None
    one_off: bool = False


def check(timing: Timing) -> None:
    """Raise InvalidTimingError if the timing is not valid."""
    check_rule(timing.rule)
    if timing.start_time and timing.expires and timing.expires <= timing.start_time:
        raise InvalidTimingError(
            "expires", "It expires before it starts: enter a later time, or none."
        )


def check_rule(rule: Rule) -> None:
    """Raise InvalidTimingError if the rule is not valid."""
    match rule:
        case Crontab():
            crontab.parse(rule)
        case Interval():
            interval.check(rule)
        case Solar():
            solar.check(rule)


def next_slot(timing: Timing, after: datetime) -> datetime | None:
    """Return the first slot after this instant, in UTC, or None if none is left.

    Raises InvalidTimingError if the rule is not valid.
    """
    try:
        slot = _first_after(timing, after.astimezone(UTC))
    # The calendar ends with the year 9999, wherever the zone is in it.
    except OverflowError:
        return None
    if slot is None or (timing.expires and slot >= timing.expires):
        return None
    return slot.astimezone(UTC)


def next_slots(timing: Timing, after: datetime, count: int) -> list[datetime]:
    """Return the first ``count`` slots after this instant; fewer if it ends."""
    return list(islice(_slots_after(timing, after), count))


def slots_between(timing: Timing, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the slots after ``start`` up to ``end``, in order."""
    for slot in _slots_after(timing, start):
        if slot > end:
            return
        yield slot


def is_single(timing: Timing) -> bool:
    """Return whether the timing has one slot and no other after it."""
    return timing.one_off or isinstance(timing.rule, Clocked)


def count_between(timing: Timing, start: datetime, end: datetime) -> int:
    """Count the slots after ``start`` up to ``end``, without iterating over them."""
    first, last = next_slot(timing, start), latest_between(timing, start, end)
    if first is None or last is None:
        return 0
    # Both are slots, so the bounds of the timing no longer matter.
    match timing.rule:
        case Interval(every):
            return (last - first) // every + 1
        case Crontab():
            return crontab.count_between(timing.rule, first, last) + 1
        case _:
            return sum(1 for _ in slots_between(timing, start, end))


def latest_between(timing: Timing, start: datetime, end: datetime) -> datetime | None:
    """Return the last slot after ``start`` up to ``end``, by halving the time left."""
    latest = next_slot(timing, start)
    if latest is None or latest > end:
        return None
    if is_single(timing):
        return latest
    # No slot lies after this and up to the end.
    until = end.astimezone(UTC)
    while until - latest >= _closest(timing.rule):
        middle = latest + (until - latest) / 2
        slot = next_slot(timing, middle)
        if slot is None or slot > end:
            until = middle
        else:
            latest = slot
    return latest


def latest_slots(
    timing: Timing, start: datetime, end: datetime, count: int
) -> list[datetime]:
    """Return the last ``count`` slots after ``start`` up to ``end``, in order.

    Looks back from the end, twice as far each time, so that earlier slots are not
    iterated over.
    """
    reach = _closest(timing.rule) * count
    while True:
        begin = max(start, end - reach)
        found = list(slots_between(timing, begin, end))
        if len(found) >= count or begin == start:
            return found[-count:]
        reach *= 2


def changeover_note(timing: Timing, slot: datetime) -> str:
    """Return what a change of the clocks does to this slot, as a sentence, or ''."""
    if isinstance(timing.rule, Crontab):
        return crontab.changeover_note(timing.rule, slot.astimezone(UTC))
    return ""


def _slots_after(timing: Timing, after: datetime) -> Iterator[datetime]:
    slot = next_slot(timing, after)
    while slot is not None:
        yield slot
        slot = None if is_single(timing) else next_slot(timing, slot)


def _first_after(timing: Timing, after: datetime) -> datetime | None:
    """Return the first slot after this instant, which is in UTC, expired or not."""
    rule = timing.rule
    start = timing.start_time and timing.start_time.astimezone(UTC)
    if start:
        after = max(after, start - timedelta.resolution)
    match rule:
        case Crontab():
            return crontab.first_after(rule, after)
        case Interval() if start:
            return interval.first_after(rule, start, after)
        case Interval():
            anchor = timing.anchor.astimezone(UTC)
            return interval.first_after(rule, anchor, max(after, anchor))
        case Solar():
            return solar.first_after(rule, after)
        case Clocked():
            return clocked.first_after(rule, after)


def _closest(rule: Rule) -> timedelta:
    """Return how close two slots can be; crontabs and the sun keep to seconds."""
    return rule.every if isinstance(rule, Interval) else _SECOND
