"""How durations and instants are shown to staff."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

TENTHS_UNDER = timedelta(seconds=10)
#: Below this a tenth of a second would say nothing.
MILLISECONDS_UNDER = timedelta(milliseconds=100)
UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def format_duration(duration: timedelta) -> str:
    """Format a duration: ``40 ms``, ``0.4 s``, ``2 h 5 min``, ``3 days``.

    Two units at most. One below zero becomes ``0 s``: clocks of two machines
    differ by so much.
    """
    if timedelta(0) < duration < MILLISECONDS_UNDER:
        milliseconds = duration // timedelta(milliseconds=1)
        return f"{milliseconds} ms" if milliseconds else "under 1 ms"
    seconds = max(0.0, duration.total_seconds())
    if duration < TENTHS_UNDER:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    counts, rest = [], round(seconds)
    for unit, length in UNITS:
        count, rest = divmod(rest, length)
        counts.append((count, unit))
    first = next(i for i, (count, _) in enumerate(counts) if count)
    return " ".join(_counted(*pair) for pair in counts[first : first + 2] if pair[0])


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}s" if unit == "day" and count > 1 else f"{count} {unit}"


def format_instant(at: datetime, zone: tzinfo = UTC) -> str:
    """Format an instant to the second, with the zone's own abbreviation."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def number_of(count: int, noun: str) -> str:
    """Say how many: ``1 run``, ``1,200 runs``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
