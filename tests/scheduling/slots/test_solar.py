"""Events of the sun where they do not come each day."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling import slots
from scheduling.slots import Solar, Timing
from scheduling.slots.solar import EVENTS
from tests.scheduling.slots.definitions import instants

LONGYEARBYEN = (78.22, 15.65)


def next_days(event: str, after: datetime, count: int) -> list[str]:
    timing = Timing(Solar(event, *LONGYEARBYEN), anchor=after)
    return [f"{slot:%Y-%m-%d}" for slot in slots.next_slots(timing, after, count)]


def test_the_polar_night_is_passed_over() -> None:
    days = next_days("sunrise", datetime(2026, 10, 26, 3, tzinfo=UTC), 3)

    assert days == ["2026-10-26", "2027-02-16", "2027-02-17"]


def test_the_midnight_sun_does_not_set() -> None:
    days = next_days("sunset", datetime(2026, 6, 1, tzinfo=UTC), 1)

    assert days == ["2026-08-24"]


def test_at_the_pole_the_sun_never_rises_by_the_hour() -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC)

    assert slots.next_slot(Timing(Solar("sunrise", 90, 0), after), after) is None


def test_noon_comes_each_day_also_in_the_polar_night() -> None:
    days = next_days("solar_noon", datetime(2026, 12, 20, 3, tzinfo=UTC), 3)

    assert days == ["2026-12-20", "2026-12-21", "2026-12-22"]


@settings(max_examples=300, deadline=None)
@given(
    event=st.sampled_from(EVENTS),
    latitude=st.floats(-66, 66),
    longitude=st.floats(-180, 180),
    after=instants,
    seconds=st.floats(0, 86_400),
)
def test_an_event_is_one_slot_wherever_the_search_for_it_begins(
    event: str, latitude: float, longitude: float, after: datetime, seconds: float
) -> None:
    timing = Timing(Solar(event, latitude, longitude), anchor=after)
    found = slots.next_slots(timing, after, 4)
    between = found[0] + timedelta(seconds=seconds)

    again = slots.next_slot(timing, between)

    assert again in found
    assert again == min(slot for slot in found if slot > between)
    assert all(later - slot > timedelta(hours=20) for slot, later in pairwise(found))


@pytest.mark.parametrize("latitude", [0.00001, -0.0000001])
def test_a_place_close_to_the_equator_is_where_it_is(latitude: float) -> None:
    after = datetime(2026, 7, 1, tzinfo=UTC)
    near = slots.next_slot(Timing(Solar("sunrise", latitude, 0), after), after)
    there = slots.next_slot(Timing(Solar("sunrise", 0, 0), after), after)

    assert near == there
