"""Rules in words for staff: "Monday to Friday at 09:00, Europe/Berlin"."""

from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta

from django_celery_beat.models import SOLAR_SCHEDULES

from scheduling.slots import Clocked, Crontab, Interval, Rule, Solar, check_rule
from scheduling.slots import crontab as crontabs
from scheduling.slots.fields import MONTHS, WEEKDAYS
from scheduling.slots.pattern import Pattern

_EVENTS = {event: str(title) for event, title in SOLAR_SCHEDULES}
_MOST_TIMES_NAMED = 6
_SHORTEST_RANGE = 3
_MINUTES = tuple(range(60))
_HOURS = tuple(range(24))
_DAYS = tuple(range(1, 32))
_MONTHS = tuple(range(1, 13))
_UNITS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
    ("microsecond", timedelta(microseconds=1)),
)


def in_words(rule: Rule) -> str:
    """Return in words when a rule is due. Raises InvalidTimingError."""
    check_rule(rule)
    match rule:
        case Interval(every):
            return f"Every {_duration(every)}"
        case Solar(event, latitude, longitude):
            return f"{_EVENTS[event]} at {_place(latitude, longitude)}"
        case Clocked(at):
            return f"Once, on {at.astimezone(UTC):%Y-%m-%d at %H:%M:%S}, UTC"
        case Crontab():
            return _crontab(rule)


def _duration(every: timedelta) -> str:
    """Say a duration in the largest unit of which it is a whole number."""
    name, unit = next(one for one in _UNITS if not every % one[1])
    count = every // unit
    return name if count == 1 else f"{count:,} {name}s"


def _place(latitude: float, longitude: float) -> str:
    north = "N" if latitude >= 0 else "S"
    east = "E" if longitude >= 0 else "W"
    return f"{abs(latitude):g}° {north}, {abs(longitude):g}° {east}"


def _crontab(rule: Crontab) -> str:
    pattern, _ = crontabs.parse(rule)
    days, times = _days(pattern), _times(pattern)
    if days:
        text = f"{days} {times}"
    elif times.startswith("at "):
        text = f"daily {times}"
    else:
        text = times
    return f"{text[0].upper()}{text[1:]}, {rule.zone}"


def _times(pattern: Pattern) -> str:
    hours, minutes = pattern.hours, pattern.minutes
    if len(hours) * len(minutes) <= _MOST_TIMES_NAMED:
        return f"at {_listed(f'{h:02}:{m:02}' for h in hours for m in minutes)}"
    step = _step(minutes, _MINUTES)
    often = f"every {'minute' if step == 1 else f'{step} minutes'}"
    if hours == _HOURS:
        return often if step else f"every hour {_past(minutes)}"
    hour_step = _step(hours, _HOURS)
    if hour_step and not step:
        return f"every {hour_step} hours {_past(minutes)}"
    within = _listed(f"{_span(span, '{:02}')}" for span in _spans(hours))
    if step:
        return f"{often} in hour{_s(hours)} {within}"
    return f"{_past(minutes)} in hour{_s(hours)} {within}"


def _past(minutes: Sequence[int]) -> str:
    return f"at minute{_s(minutes)} {_numbers(minutes)}"


def _days(pattern: Pattern) -> str:
    """Say which days, or nothing where it is every day."""
    weekdays, dates = _weekdays(pattern), _dates(pattern)
    if weekdays and dates:
        return f"{dates}, where that is {weekdays},"
    return weekdays or dates


def _weekdays(pattern: Pattern) -> str:
    if len(pattern.weekdays) == len(WEEKDAYS):
        return ""
    # Weeks are said from their Monday.
    numbers = sorted((day - 1) % len(WEEKDAYS) for day in pattern.weekdays)
    names = [WEEKDAYS[(number + 1) % len(WEEKDAYS)] for number in range(len(WEEKDAYS))]
    return _listed(_named_span(span, names) for span in _spans(numbers))


def _dates(pattern: Pattern) -> str:
    months = _listed(
        _named_span([number - 1 for number in span], MONTHS)
        for span in _spans(pattern.months)
    )
    every_month, every_day = pattern.months == _MONTHS, pattern.days == _DAYS
    if every_day:
        return "" if every_month else f"each day of {months}"
    days = f"day{_s(pattern.days)} {_numbers(pattern.days)}"
    return f"{days} of {'the month' if every_month else months}"


def _numbers(numbers: Sequence[int]) -> str:
    return _listed(_span(span, "{}") for span in _spans(numbers))


def _step(numbers: Sequence[int], all_numbers: Sequence[int]) -> int | None:
    """Return the step that walks all of a day, or of an hour, evenly; or None."""
    size, count = len(all_numbers), len(numbers)
    if size % count or tuple(numbers) != tuple(all_numbers[:: size // count]):
        return None
    return size // count if count > 1 else None


def _spans(numbers: Sequence[int]) -> list[list[int]]:
    """Cut numbers in order where some are left out; two in a row are not a span."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    short = (
        [[number] for number in span] if len(span) < _SHORTEST_RANGE else [span]
        for span in spans
    )
    return [span for group in short for span in group]


def _span(span: Sequence[int], form: str) -> str:
    first, last = form.format(span[0]), form.format(span[-1])
    return first if first == last else f"{first} to {last}"


def _named_span(span: Sequence[int], names: Sequence[str]) -> str:
    first, last = names[span[0]].capitalize(), names[span[-1]].capitalize()
    return first if first == last else f"{first} to {last}"


def _listed(parts: Iterable[str]) -> str:
    """Say them with commas, and the last after "and"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _s(numbers: Sequence[int]) -> str:
    return "" if len(numbers) == 1 else "s"
