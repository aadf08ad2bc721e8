"""What a search costs, in calls of functions: a figure that no busy machine moves."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import pytest

from scheduling import slots
from scheduling.slots import Crontab, Interval, Rule, Timing

START = datetime(2026, 7, 3, 13, 0, 7, tzinfo=UTC)
YEAR = timedelta(days=365)
BERLIN = "Europe/Berlin"


def calls(action: Callable[[], Any]) -> int:
    """Count the functions that an action calls, those in C among them."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    ("rule", "most"),
    [
        (Crontab("0", "0", zone=BERLIN), 60),
        (Crontab(zone=BERLIN), 60),
        (Crontab("*/5", "8-17", day_of_week="1-5", zone=BERLIN), 60),
        (Crontab("0", "0", "13", day_of_week="5", zone=BERLIN), 200),
        (Crontab("0", "0", "29", "2", "1", zone=BERLIN), 400),
        (Interval(timedelta(seconds=1)), 20),
    ],
)
def test_the_next_slot_is_found_without_walking_to_it(rule: Rule, most: int) -> None:
    timing = Timing(rule, START - YEAR)
    slots.next_slot(timing, START)

    assert calls(lambda: slots.next_slot(timing, START)) < most


@pytest.mark.parametrize("rule", [Crontab(zone=BERLIN), Interval(timedelta(minutes=1))])
def test_a_year_of_minutes_is_counted_without_walking_them(rule: Rule) -> None:
    timing = Timing(rule, START - YEAR)
    slots.next_slot(timing, START)

    assert calls(lambda: slots.count_between(timing, START, START + YEAR)) < 20_000
    assert calls(lambda: slots.latest_between(timing, START, START + YEAR)) < 2_000


@pytest.mark.parametrize("rule", [Crontab(zone=BERLIN), Interval(timedelta(minutes=1))])
def test_the_last_of_a_year_are_found_without_walking_it(rule: Rule) -> None:
    timing = Timing(rule, START - YEAR)
    slots.next_slot(timing, START)

    assert calls(lambda: slots.latest_slots(timing, START, START + YEAR, 100)) < 20_000
