"""Rules as users type them: "0 3 * * 1-5", "every 10 minutes", an instant."""

import re
from datetime import datetime, timedelta

from scheduling.slots import (
    Clocked,
    Crontab,
    Interval,
    InvalidTimingError,
    Rule,
    Solar,
    check_rule,
)
from scheduling.slots.solar import EVENTS
from scheduling.slots.zones import first_showing, zone_named

_UNITS = ("days", "hours", "minutes", "seconds")
_CRONTAB_FIELDS = 5


def parse(text: str, zone: str) -> Rule | None:
    """Return the rule that a text stands for, or None if it does not look like one.

    A crontab, and an instant without an offset, are in ``zone``. Raises
    InvalidTimingError if it looks like a rule but is not valid.
    """
    words = text.split()
    rule: Rule | None = None
    if words and words[0].lower() == "every":
        rule = _interval(words[1:])
    elif words and words[0].lower() in EVENTS:
        rule = _solar(words[0].lower(), words[1:])
    elif len(words) == _CRONTAB_FIELDS and re.match(r"[\d*]", text.lstrip()):
        minute, hour, day, month, weekday = words
        rule = Crontab(minute, hour, day, month, weekday, zone)
    elif re.match(r"\d{4}-", text.lstrip()):
        rule = _instant(text.strip(), zone)
    if rule:
        check_rule(rule)
    return rule


def _interval(words: list[str]) -> Interval:
    *count, unit = words or [""]
    period = f"{unit.lower().removesuffix('s')}s"
    number = count[0] if count else "1"
    is_number = len(count) <= 1 and re.fullmatch(r"[0-9]{1,12}", number)
    if not is_number or period not in _UNITS:
        raise InvalidTimingError(
            "every",
            f"'every {' '.join(words)}' is not valid: use a whole number of "
            "seconds, minutes, hours or days, as in every 10 minutes.",
        )
    try:
        return Interval(timedelta(**{period: int(number)}))
    except OverflowError:
        raise InvalidTimingError(
            "every", f"{number} {period} are too long: enter a smaller number."
        ) from None


def _solar(event: str, place: list[str]) -> Solar:
    try:
        latitude, longitude = (float(degrees) for degrees in place)
    except ValueError:
        raise InvalidTimingError(
            "latitude",
            f"{event} needs a latitude and a longitude in degrees, as in "
            f"{event} 52.5 13.4.",
        ) from None
    return Solar(event, latitude, longitude)


def _instant(text: str, zone: str) -> Clocked:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidTimingError(
            "at",
            f"{text!r} is not an instant: use one such as 2026-08-31T14:00 or "
            "2026-08-31T14:00+02:00.",
        ) from None
    return Clocked(at if at.tzinfo else first_showing(at, zone_named(zone)))
