"""Lengths of time as people write them: ``15 min``, ``2 h``, ``1 day 12 hours``."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
#: Instants that are further off than this cannot be added up.
LONGEST = timedelta(days=3650)

_SPELLINGS = {
    spelling: length
    for spellings, length in (
        ("s sec secs second seconds", UNITS["second"]),
        ("m min mins minute minutes", UNITS["minute"]),
        ("h hr hrs hour hours", UNITS["hour"]),
        ("d day days", UNITS["day"]),
        ("w week weeks", UNITS["week"]),
    )
    for spelling in spellings.split()
}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?([a-z]+)", re.ASCII)


class InvalidDurationError(ValueError):
    """The text is not a length of time; str() says how to write one."""


def parse(text: str) -> timedelta:
    """Return the length that a text stands for. Raises InvalidDurationError.

    Zero needs no unit; everything else does.
    """
    said = " ".join(text.lower().replace(",", " ").split())
    if said == "0":
        return timedelta(0)
    parts = _PART.findall(said)
    if not parts or _PART.sub("", said).strip():
        raise InvalidDurationError("Write it as 15 min, 2 h or 1 day 12 hours.")
    unknown = [unit for _, unit in parts if unit not in _SPELLINGS]
    if unknown:
        raise InvalidDurationError(
            f"“{unknown[0]}” is not a unit: write s, min, h, days or weeks."
        )
    seconds = sum(
        float(count) * _SPELLINGS[unit].total_seconds() for count, unit in parts
    )
    if seconds > LONGEST.total_seconds():
        raise InvalidDurationError(f"It is longer than {LONGEST.days} days.")
    return timedelta(seconds=seconds)


def written(length: timedelta) -> str:
    """Write a length so that `parse` reads it again: ``1 day 12 hours``."""
    hours, rest = divmod(length.seconds, 3600)
    minutes, whole_seconds = divmod(rest, 60)
    seconds = f"{whole_seconds}.{length.microseconds:06}".rstrip("0").rstrip(".")
    counts = {
        "day": str(length.days),
        "hour": str(hours),
        "minute": str(minutes),
        "second": seconds,
    }
    said = [
        f"{count} {unit}{'' if count == '1' else 's'}"
        for unit, count in counts.items()
        if count != "0"
    ]
    return " ".join(said) or "0 seconds"
