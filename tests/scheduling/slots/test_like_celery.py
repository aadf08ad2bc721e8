"""What Celery's own schedules say, on thousands of random definitions.

They differ where clocks change, so those days are left to a test of their own.
"""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import schedules
from django_celery_beat.clockedschedule import clocked
from django_celery_beat.tzcrontab import TzAwareCrontab
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scheduling import slots
from scheduling.slots import Clocked, Crontab, Interval, InvalidTimingError, Solar
from scheduling.slots.calendar import Rule, Timing
from scheduling.slots.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR,
    MINUTE,
    MONTH_OF_YEAR,
    Field,
)
from scheduling.slots.solar import EVENTS
from tests.scheduling.slots.definitions import crontabs, instants, of

ZONES = st.sampled_from(
    (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
    )
)
THOROUGH = settings(
    max_examples=1_500,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)
TOKENS = ("*", "/", "-", ",", "1", "3", "6", "wed", "may")
AROUND = timedelta(days=2)
# Its declaration leaves out what is used here.
celery_solar: Any = schedules.solar


def celery_crontab(rule: Crontab) -> TzAwareCrontab:
    """Return Celery's crontab as django-celery-beat makes it, which knows its zone."""
    return TzAwareCrontab(
        minute=rule.minute,
        hour=rule.hour,
        day_of_month=rule.day_of_month,
        month_of_year=rule.month_of_year,
        day_of_week=rule.day_of_week,
        tz=ZoneInfo(rule.zone),
    )


def next_by_celery(rule: Crontab, after: datetime) -> datetime:
    last, delta, _ = celery_crontab(rule).remaining_delta(after)
    due: datetime = last + delta
    return due.astimezone(UTC)


def clocks_stand_still(around: datetime, zone: str) -> bool:
    days = (around - AROUND, around, around + AROUND)
    return len({day.astimezone(ZoneInfo(zone)).utcoffset() for day in days}) == 1


def is_valid(rule: Rule) -> bool:
    try:
        slots.check(Timing(rule, anchor=datetime.now(UTC)))
    except InvalidTimingError:
        return False
    return True


def numbers(field: Field, text: str) -> frozenset[int] | None:
    try:
        return field.parse(text)
    except InvalidTimingError:
        return None


@THOROUGH
@given(rule=crontabs(ZONES), after=instants)
def test_a_crontab_is_due_when_celery_says(rule: Crontab, after: datetime) -> None:
    assume(is_valid(rule))
    theirs = next_by_celery(rule, after)
    assume(clocks_stand_still(after, rule.zone))
    assume(clocks_stand_still(theirs, rule.zone))

    ours = slots.next_slot(of(rule), after)

    assert ours == theirs


@settings(THOROUGH, max_examples=300)
@given(rule=crontabs(st.just("UTC")), after=instants)
def test_the_next_ten_slots_are_those_that_celery_goes_through(
    rule: Crontab, after: datetime
) -> None:
    assume(is_valid(rule))
    theirs = [after]
    for _ in range(10):
        theirs.append(next_by_celery(rule, theirs[-1]))

    ours = slots.next_slots(of(rule), after, 10)

    assert ours == theirs[1:]


@settings(THOROUGH, max_examples=500)
@given(rule=crontabs(st.just("UTC")))
def test_a_crontab_is_refused_where_celery_refuses_it(rule: Crontab) -> None:
    try:
        celery_crontab(rule)
    except ValueError:
        celery_takes_it = False
    else:
        celery_takes_it = True

    assert is_valid(rule) == celery_takes_it


@pytest.mark.parametrize(
    ("field", "parser"),
    [
        (MINUTE, schedules.crontab_parser(60)),
        (HOUR, schedules.crontab_parser(24)),
        (DAY_OF_MONTH, schedules.crontab_parser(31, 1)),
        (MONTH_OF_YEAR, schedules.crontab_parser(12, 1)),
        (DAY_OF_WEEK, schedules.crontab_parser(7)),
    ],
)
def test_what_a_field_accepts_means_what_celery_says(
    field: Field, parser: schedules.crontab_parser
) -> None:
    texts = ("".join(parts) for n in range(1, 6) for parts in product(TOKENS, repeat=n))
    meant = {text: numbers(field, text) for text in texts}
    accepted = {text: found for text, found in meant.items() if found}

    assert len(accepted) > 300
    assert accepted == {text: parser.parse(text) for text in accepted}


@settings(max_examples=500, deadline=None)
@given(
    every=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    anchor=instants,
    steps=st.integers(1, 1_000),
)
def test_an_interval_is_due_when_celery_says_that_ran_on_time(
    every: timedelta, anchor: datetime, steps: int
) -> None:
    last = anchor + steps * every
    theirs = schedules.schedule(every, nowfun=lambda: last).remaining_estimate(last)

    ours = slots.next_slot(Timing(Interval(every), anchor=anchor), last)

    assert ours == last + theirs


@settings(max_examples=500, deadline=None)
@given(
    event=st.sampled_from(EVENTS),
    latitude=st.floats(-89, 89),
    longitude=st.floats(-180, 180),
    after=instants,
)
def test_the_sun_does_what_celery_says(
    event: str, latitude: float, longitude: float, after: datetime
) -> None:
    sun = celery_solar(event, latitude, longitude, nowfun=lambda: after)
    theirs = after + sun.remaining_estimate(after)

    ours = slots.next_slot(Timing(Solar(event, latitude, longitude), after), after)

    assert ours is not None
    # An event that is just over may come once more with them.
    assume(theirs - after > timedelta(seconds=2))
    assert abs(ours - theirs) <= timedelta(seconds=1)


@settings(max_examples=200, deadline=None)
@given(at=instants, after=instants)
def test_a_clocked_time_is_due_when_celery_says(at: datetime, after: datetime) -> None:
    theirs = clocked(at, nowfun=lambda: after).remaining_estimate(None)

    ours = slots.next_slot(Timing(Clocked(at), anchor=after), after)

    assert ours == (after + theirs if theirs > timedelta(0) else None)


@pytest.mark.parametrize("event", sorted(celery_solar._all_events))
def test_every_event_of_celerys_is_known(event: str) -> None:
    assert event in EVENTS
