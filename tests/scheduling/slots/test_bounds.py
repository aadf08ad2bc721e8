"""What bounds a timing, whatever its rule: its start, its end, and once."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling import slots
from scheduling.slots import (
    Clocked,
    Crontab,
    Interval,
    InvalidTimingError,
    Rule,
    Solar,
    Timing,
)
from tests.scheduling.slots.definitions import instants

ANCHOR = datetime(2026, 7, 1, 10, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURLY = Crontab("0", "*")
EVERY_HOUR = Interval(HOUR)
SUNRISE = Solar("sunrise", 52.5, 13.4)


def at(hour: int, minute: int = 0, day: int = 1) -> datetime:
    return datetime(2026, 7, day, hour, minute, tzinfo=UTC)


def test_a_slot_is_after_the_instant_and_never_on_it() -> None:
    timing = Timing(HOURLY, ANCHOR)

    assert slots.next_slot(timing, at(11)) == at(12)
    assert slots.next_slot(timing, at(11) - timedelta.resolution) == at(11)


def test_a_start_between_two_slots_waits_for_the_next() -> None:
    timing = Timing(Crontab("0", "15"), ANCHOR, start_time=at(14))

    assert slots.next_slots(timing, at(9), 2) == [at(15), at(15, day=2)]


def test_a_slot_at_the_start_counts_and_one_at_the_end_does_not() -> None:
    timing = Timing(HOURLY, ANCHOR, start_time=at(12), expires=at(14))

    assert slots.next_slots(timing, at(9), 5) == [at(12), at(13)]


def test_an_interval_without_a_start_is_first_due_after_its_anchor() -> None:
    timing = Timing(EVERY_HOUR, ANCHOR)

    found = slots.next_slots(timing, ANCHOR - DAY, 2)

    assert found == [at(11, 5), at(12, 5)]


def test_an_interval_with_a_start_is_first_due_then() -> None:
    timing = Timing(EVERY_HOUR, ANCHOR, start_time=at(12, 30))

    assert slots.next_slots(timing, at(9), 2) == [at(12, 30), at(13, 30)]


def test_an_outage_does_not_shift_the_grid_of_an_interval() -> None:
    timing = Timing(Interval(timedelta(minutes=7)), ANCHOR)

    found = slots.next_slot(timing, ANCHOR + timedelta(days=100, seconds=1))

    assert found is not None
    assert (found - ANCHOR) % timedelta(minutes=7) == timedelta(0)
    assert found - ANCHOR <= timedelta(days=100, minutes=7, seconds=1)


def test_a_day_of_an_interval_has_24_hours_when_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 12, tzinfo=berlin)
    timing = Timing(Interval(DAY), ANCHOR, start_time=start)

    found = slots.next_slots(timing, start, 1)

    assert [slot.astimezone(berlin).hour for slot in found] == [13]


@pytest.mark.parametrize("rule", [HOURLY, EVERY_HOUR, SUNRISE])
def test_one_off_has_the_next_slot_alone(rule: Rule) -> None:
    every, once = Timing(rule, ANCHOR), Timing(rule, ANCHOR, one_off=True)
    until = ANCHOR + 3 * DAY
    first = slots.next_slot(every, ANCHOR)

    assert slots.next_slots(once, ANCHOR, 5) == [first]
    assert list(slots.slots_between(once, ANCHOR, until)) == [first]
    assert slots.count_between(once, ANCHOR, until) == 1
    assert slots.latest_between(once, ANCHOR, until) == first


def test_a_clocked_time_comes_once() -> None:
    timing = Timing(Clocked(at(15)), ANCHOR)

    assert slots.next_slots(timing, at(9), 5) == [at(15)]
    assert slots.next_slot(timing, at(15)) is None


@pytest.mark.parametrize(
    ("start_time", "expires"), [(at(16), None), (None, at(15)), (None, at(12))]
)
def test_a_clocked_time_out_of_bounds_never_comes(
    start_time: datetime | None, expires: datetime | None
) -> None:
    timing = Timing(Clocked(at(15)), ANCHOR, start_time=start_time, expires=expires)

    assert slots.next_slot(timing, at(9)) is None


def test_slots_are_in_utc_wherever_the_question_comes_from() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    timing = Timing(EVERY_HOUR, ANCHOR.astimezone(tokyo))

    found = slots.next_slot(timing, at(11).astimezone(tokyo))

    assert found == at(11, 5)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("rule", [HOURLY, EVERY_HOUR, SUNRISE])
def test_what_starts_when_the_calendar_ends_has_no_second_slot(rule: Rule) -> None:
    start = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    timing = Timing(rule, ANCHOR, start_time=start)

    assert set(slots.next_slots(timing, at(12), 5)) <= {start}


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_the_calendar_ends_in_each_zone(zone: str) -> None:
    last_day = datetime(9999, 12, 30, 12, tzinfo=UTC)
    timing = Timing(Crontab("0", "0", zone=zone), ANCHOR)

    assert len(slots.next_slots(timing, last_day, 10)) < 3


def test_an_interval_longer_than_the_calendar_never_comes() -> None:
    timing = Timing(Interval(timedelta(days=900_000_000)), ANCHOR)

    assert slots.next_slot(timing, ANCHOR) is None


@pytest.mark.parametrize(
    ("timing", "field", "sentence"),
    [
        (
            Timing(Interval(timedelta(0)), ANCHOR),
            "every",
            "An interval must be longer than zero: enter 1 or more.",
        ),
        (
            Timing(Interval(-HOUR), ANCHOR),
            "every",
            "An interval must be longer than zero: enter 1 or more.",
        ),
        (
            Timing(Solar("noon", 0, 0), ANCHOR),
            "event",
            "There is no solar event 'noon': use one of dawn_astronomical, "
            "dawn_nautical, dawn_civil, sunrise, solar_noon, sunset, dusk_civil, "
            "dusk_nautical, dusk_astronomical.",
        ),
        (
            Timing(Solar("sunrise", 90.1, 0), ANCHOR),
            "latitude",
            "There is no latitude 90.1: use -90 to 90.",
        ),
        (
            Timing(Solar("sunrise", float("nan"), 0), ANCHOR),
            "latitude",
            "There is no latitude nan: use -90 to 90.",
        ),
        (
            Timing(Solar("sunrise", 0, -181), ANCHOR),
            "longitude",
            "There is no longitude -181: use -180 to 180.",
        ),
        (
            Timing(HOURLY, ANCHOR, start_time=at(12), expires=at(12)),
            "expires",
            "It expires before it starts: enter a later time, or none.",
        ),
    ],
)
def test_a_timing_without_a_meaning_is_refused_with_the_remedy(
    timing: Timing, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidTimingError) as refusal:
        slots.check(timing)

    assert (refusal.value.field, str(refusal.value)) == (field, sentence)


@pytest.mark.parametrize("rule", [HOURLY, EVERY_HOUR, SUNRISE, Clocked(at(15))])
def test_a_timing_with_a_meaning_is_taken(rule: Rule) -> None:
    slots.check(Timing(rule, ANCHOR, start_time=at(1), expires=at(2)))


@settings(max_examples=500, deadline=None)
@given(
    rule=st.one_of(
        st.builds(Interval, st.timedeltas(timedelta(minutes=30), 100 * DAY)),
        st.sampled_from((HOURLY, SUNRISE, Crontab("0", "0", "31"), Clocked(at(15)))),
    ),
    start=st.one_of(st.none(), instants),
    ends=st.one_of(st.none(), instants),
    one_off=st.booleans(),
    after=instants,
    length=st.timedeltas(timedelta(0), 20 * DAY),
)
def test_the_count_and_the_latest_are_those_of_walking(
    rule: Rule,
    start: datetime | None,
    ends: datetime | None,
    *,
    one_off: bool,
    after: datetime,
    length: timedelta,
) -> None:
    anchor = datetime(2019, 12, 31, 12, 34, 56, tzinfo=UTC)
    timing = Timing(rule, anchor, start_time=start, expires=ends, one_off=one_off)
    walked = list(slots.slots_between(timing, after, after + length))

    assert walked == sorted(set(walked))
    assert all(after < slot <= after + length for slot in walked)
    assert all(start is None or slot >= start for slot in walked)
    assert all(ends is None or slot < ends for slot in walked)
    assert slots.count_between(timing, after, after + length) == len(walked)
    latest = slots.latest_between(timing, after, after + length)
    assert latest == (walked[-1] if walked else None)
    assert slots.latest_slots(timing, after, after + length, 7) == walked[-7:]
