"""Calendar arithmetic: when a schedule is due. Pure, and without a clock of its own."""

from scheduling.slots.calendar import (
    Rule,
    Timing,
    changeover_note,
    check,
    check_rule,
    count_between,
    is_single,
    latest_between,
    latest_slots,
    next_slot,
    next_slots,
    slots_between,
)
from scheduling.slots.clocked import Clocked
from scheduling.slots.crontab import Crontab
from scheduling.slots.errors import InvalidTimingError
from scheduling.slots.interval import Interval
from scheduling.slots.solar import Solar

__all__ = [
    "Clocked",
    "Crontab",
    "Interval",
    "InvalidTimingError",
    "Rule",
    "Solar",
    "Timing",
    "changeover_note",
    "check",
    "check_rule",
    "count_between",
    "is_single",
    "latest_between",
    "latest_slots",
    "next_slot",
    "next_slots",
    "slots_between",
]
