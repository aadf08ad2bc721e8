"""The days on which clocks change: by the minute, and by name."""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling import slots
from scheduling.slots import Crontab
from scheduling.slots.crontab import parse
from scheduling.slots.pattern import Pattern
from tests.scheduling.slots.definitions import fields, of

MINUTE = timedelta(minutes=1)
# Midnight of the day before, in UTC.
CHANGEOVERS = (
    ("Europe/Berlin", date(2026, 3, 28)),
    ("Europe/Berlin", date(2026, 10, 24)),
    ("America/New_York", date(2026, 3, 7)),
    ("America/New_York", date(2026, 10, 31)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Australia/Lord_Howe", date(2026, 10, 3)),
    # Two hours at once, a gap and a repetition over midnight, a day left out.
    ("Antarctica/Troll", date(2026, 3, 28)),
    ("America/Nuuk", date(2026, 3, 28)),
    ("America/Nuuk", date(2026, 10, 24)),
    ("Pacific/Apia", date(2011, 12, 29)),
    ("Asia/Kolkata", date(2026, 3, 28)),
)
LENGTH = timedelta(days=2)
HOURS = ("*", "*/1", "0-23", "2", "1-3", "0,23", "*/2")


@cache
def wall_times(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Return each minute of two days, and what the zone's clock shows then."""
    start = datetime.combine(day, time(), tzinfo=UTC)
    minutes = (start + n * MINUTE for n in range(LENGTH // MINUTE))
    return [
        (minute, minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0))
        for minute in minutes
    ]


def fits(pattern: Pattern, wall: datetime) -> bool:
    return (
        wall.minute in pattern.minutes
        and wall.hour in pattern.hours
        and wall.day in pattern.days
        and wall.month in pattern.months
        and wall.isoweekday() % 7 in pattern.weekdays
    )


def slots_by_the_minute(rule: Crontab, day: date) -> list[datetime]:
    """Return the slots after the start of two days, without a search.

    With all hours: each minute at which the clock shows a time that fits. Else, for
    each time that fits, the first minute at which the clock had come so far.
    """
    shown = wall_times(rule.zone, day)
    pattern, _ = parse(rule)
    if len(pattern.hours) == 24:
        return [minute for minute, wall in shown[1:] if fits(pattern, wall)]
    furthest = list(accumulate((wall for _, wall in shown), max))
    wanted = furthest[0] + MINUTE
    due = set()
    while wanted <= furthest[-1]:
        if fits(pattern, wanted):
            due.add(shown[bisect_left(furthest, wanted)][0])
        wanted += MINUTE
    return sorted(due)


@st.composite
def crontabs_on_changeovers(draw: st.DrawFn) -> tuple[Crontab, date]:
    """Draw a crontab that is likely to be due on the days, and the first of them."""
    zone, day = draw(st.sampled_from(CHANGEOVERS))
    rule = Crontab(
        minute=draw(fields(0, 59)),
        hour=draw(st.one_of(st.sampled_from(HOURS), fields(0, 23))),
        day_of_month=draw(st.sampled_from(("*", "*", "*/2", "1-8", "24-31"))),
        day_of_week=draw(st.sampled_from(("*", "*", "sat", "sun", "0,1"))),
        zone=zone,
    )
    return rule, day


@settings(max_examples=200, deadline=None)
@given(drawn=crontabs_on_changeovers(), minutes=st.integers(0, 2 * 24 * 60 - 2))
def test_slots_are_those_found_by_looking_at_the_clock_each_minute(
    drawn: tuple[Crontab, date], minutes: int
) -> None:
    rule, day = drawn
    start = datetime.combine(day, time(), tzinfo=UTC)
    end = start + LENGTH - MINUTE
    after = start + minutes * MINUTE
    expected = slots_by_the_minute(rule, day)
    rest = [slot for slot in expected if slot > after]

    assert list(slots.slots_between(of(rule), start, end)) == expected
    assert slots.next_slots(of(rule), after, 3)[: len(rest)] == rest[:3]
    assert slots.count_between(of(rule), after, end) == len(rest)
    latest = slots.latest_between(of(rule), after, end)
    assert latest == (rest[-1] if rest else None)


def local_times(rule: Crontab, after: str, count: int) -> list[str]:
    """Return the next slots as the zone's clock shows them, with its offset."""
    zone = ZoneInfo(rule.zone)
    start = datetime.fromisoformat(after).replace(tzinfo=zone)
    found = slots.next_slots(of(rule), start, count)
    return [f"{slot.astimezone(zone):%a %H:%M %z}" for slot in found]


def notes(rule: Crontab, after: str, count: int) -> list[str]:
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(rule.zone))
    found = slots.next_slots(of(rule), start, count)
    return [slots.changeover_note(of(rule), slot) for slot in found]


@pytest.mark.parametrize(
    ("zone", "eve", "swallowed", "end_of_gap"),
    [
        ("Europe/Berlin", "2026-03-28T12:00", "30 2", "Sun 03:00 +0200"),
        ("America/New_York", "2026-03-07T12:00", "30 2", "Sun 03:00 -0400"),
        ("Australia/Lord_Howe", "2026-10-03T12:00", "15 2", "Sun 02:30 +1100"),
        ("America/Nuuk", "2026-03-28T12:00", "30 23", "Sun 00:00 -0100"),
    ],
)
def test_a_swallowed_time_is_due_at_the_end_of_the_gap(
    zone: str, eve: str, swallowed: str, end_of_gap: str
) -> None:
    minute, hour = swallowed.split()

    first = local_times(Crontab(minute, hour, zone=zone), eve, 1)

    assert first == [end_of_gap]


def test_swallowed_times_that_land_on_one_instant_are_one_slot() -> None:
    rule = Crontab("0,20,40", "2-3", zone="Europe/Berlin")

    assert local_times(rule, "2026-03-29T00:00", 4) == [
        "Sun 03:00 +0200",
        "Sun 03:20 +0200",
        "Sun 03:40 +0200",
        "Mon 02:00 +0200",
    ]


@pytest.mark.parametrize(
    ("zone", "eve", "repeated", "first_time", "next_day"),
    [
        (
            "Europe/Berlin",
            "2026-10-25T00:00",
            "30 2",
            "Sun 02:30 +0200",
            "Mon 02:30 +0100",
        ),
        (
            "America/New_York",
            "2026-11-01T00:00",
            "30 1",
            "Sun 01:30 -0400",
            "Mon 01:30 -0500",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-05T00:00",
            "45 1",
            "Sun 01:45 +1100",
            "Mon 01:45 +1030",
        ),
    ],
)
def test_a_repeated_time_is_due_once_and_the_first_time(
    zone: str, eve: str, repeated: str, first_time: str, next_day: str
) -> None:
    minute, hour = repeated.split()

    found = local_times(Crontab(minute, hour, zone=zone), eve, 2)

    assert found == [first_time, next_day]


def test_asked_in_the_repeated_hour_the_first_time_has_been() -> None:
    rule = Crontab("30", "2", zone="Europe/Berlin")
    second_time = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

    found = slots.next_slot(of(rule), second_time)

    assert found == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_with_all_hours_both_of_the_repeated_ones_have_their_slots() -> None:
    rule = Crontab("*/30", "*", zone="Europe/Berlin")

    assert local_times(rule, "2026-10-25T01:30", 5) == [
        "Sun 02:00 +0200",
        "Sun 02:30 +0200",
        "Sun 02:00 +0100",
        "Sun 02:30 +0100",
        "Sun 03:00 +0100",
    ]


def test_with_all_hours_a_repeated_half_hour_has_its_slots_twice() -> None:
    rule = Crontab("15,45", "0-23", zone="Australia/Lord_Howe")

    assert local_times(rule, "2026-04-05T01:00", 4) == [
        "Sun 01:15 +1100",
        "Sun 01:45 +1100",
        "Sun 01:45 +1030",
        "Sun 02:15 +1030",
    ]


def test_with_all_hours_nothing_is_moved_out_of_a_gap() -> None:
    rule = Crontab("15", "*", zone="Europe/Berlin")

    assert local_times(rule, "2026-03-29T01:00", 2) == [
        "Sun 01:15 +0100",
        "Sun 03:15 +0200",
    ]


def test_a_zone_whose_clocks_stand_still_has_a_slot_each_day() -> None:
    rule = Crontab("30", "2", zone="Asia/Kolkata")

    assert local_times(rule, "2026-03-28T12:00", 3) == [
        "Sun 02:30 +0530",
        "Mon 02:30 +0530",
        "Tue 02:30 +0530",
    ]


@pytest.mark.parametrize(
    ("rule", "after", "expected"),
    [
        (
            Crontab("30", "2", zone="Europe/Berlin"),
            "2026-03-28T12:00",
            ["The clocks change here: moved from 02:30 to 03:00.", ""],
        ),
        (
            Crontab("0,30", "2", zone="Europe/Berlin"),
            "2026-03-28T12:00",
            ["The clocks change here: moved from 02:00 and 02:30 to 03:00."],
        ),
        (
            Crontab("*/10", "2,3", zone="Europe/Berlin"),
            "2026-03-29T00:00",
            [
                "The clocks change here: "
                "6 times from 02:00 to 02:50 become one at 03:00."
            ],
        ),
        (
            Crontab("30", "2", zone="Europe/Berlin"),
            "2026-10-24T12:00",
            ["The clocks change here: of two times 02:30, this is the first.", ""],
        ),
        (
            Crontab("30", "*", zone="Europe/Berlin"),
            "2026-10-25T02:00",
            [
                "The clocks change here: 02:30 comes twice, this is the first.",
                "The clocks change here: 02:30 comes twice, this is the second.",
                "",
            ],
        ),
        (Crontab("0", "3", zone="Europe/Berlin"), "2026-03-28T12:00", [""]),
        (Crontab("0", "*", zone="Europe/Berlin"), "2026-03-29T01:30", [""]),
    ],
)
def test_a_note_tells_what_a_change_does_to_a_slot(
    rule: Crontab, after: str, expected: list[str]
) -> None:
    assert notes(rule, after, len(expected)) == expected
