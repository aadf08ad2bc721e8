"""What will run and what ran, by cells that no density of slots can fill up."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoAssertNumQueries

from scheduling import slots
from scheduling.changes import THE_CLOCK
from scheduling.models import Run, Schedule
from scheduling.slots import Clocked, Crontab, Interval, Timing
from scheduling.timeline import CELLS, Due, Ran, Row, Span, draw, due_within
from tests.scheduling.schedules import clock_of, daily, every, ran, spoil_zone, waits

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY, WEEK = Span(NOW, timedelta(days=1)), Span(NOW, timedelta(days=7))


def interval(**every: float) -> Timing:
    return Timing(Interval(timedelta(**every)), anchor=NOW - timedelta(days=30))


def crontab(minute: str, hour: str, **fields: Any) -> Timing:
    rule = Crontab(minute, hour, "*", "*", fields.pop("weekday", "*"), "UTC")
    return Timing(rule, anchor=NOW, **fields)


def due(timing: Timing, span: Span) -> list[Due]:
    return list(due_within(timing, span.now, span))


def at(hour: int, minute: int = 0, *, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


# Slots to come ----------------------------------------------------------------------


def test_slots_that_stand_apart_are_told_one_by_one() -> None:
    found = due(crontab("0", "*/6"), DAY)

    assert found == [
        Due(slot, slot) for slot in (at(18), at(0, day=3), at(6, day=3), at(12, day=3))
    ]


def test_slots_closer_than_a_cell_are_a_stretch() -> None:
    (stretch,) = due(interval(seconds=10), DAY)

    assert stretch == Due(NOW + timedelta(seconds=10), DAY.end, "every 10 s")


def test_a_stretch_ends_where_its_slots_pause() -> None:
    found = due(crontab("*/5", "8-17"), DAY)

    assert found == [
        Due(at(12, 5), at(17, 55), "every 5 min"),
        Due(at(8, day=3), at(12, day=3), "every 5 min"),
    ]


def test_over_a_week_hours_are_a_stretch_and_days_are_not() -> None:
    assert [one.every for one in due(crontab("15", "*"), WEEK)] == ["every 1 h"]
    assert [one.every for one in due(crontab("15", "3"), WEEK)] == [""] * 7


def test_slots_at_unlike_gaps_say_the_shortest_and_the_longest() -> None:
    (stretch,) = due(crontab("0,1,5", "*"), WEEK)

    assert stretch.every == "every 1 min to 55 min"


def test_a_stretch_ends_with_what_expires() -> None:
    (stretch,) = due(crontab("*", "*", expires=at(13)), DAY)

    assert (stretch.first, stretch.last) == (at(12, 1), at(12, 59))


def test_what_runs_once_is_due_once() -> None:
    assert due(crontab("*", "*", one_off=True), DAY) == [Due(at(12, 1), at(12, 1))]
    assert due(Timing(Clocked(at(15)), NOW), DAY) == [Due(at(15), at(15))]


def test_nothing_is_due_beyond_the_span() -> None:
    assert due(Timing(Clocked(at(15, day=4)), NOW), DAY) == []


@pytest.mark.parametrize(
    "timing",
    [
        interval(seconds=1),
        interval(minutes=17),
        crontab("*", "*"),
        crontab("*/7", "3,4,15-20"),
        crontab("0,30", "*", weekday="1-5"),
    ],
)
@pytest.mark.parametrize("span", [DAY, WEEK])
def test_every_slot_is_within_what_is_told_and_every_end_is_a_slot(
    timing: Timing, span: Span
) -> None:
    told = due(timing, span)

    expected = list(slots.slots_between(timing, span.now, span.end))
    ends = {one.first for one in told} | {one.last for one in told}
    assert ends <= set(expected)
    assert all(any(one.first <= slot <= one.last for one in told) for slot in expected)


@pytest.mark.parametrize("timing", [interval(milliseconds=10), interval(minutes=31)])
def test_no_density_makes_it_more_than_a_cell_each(timing: Timing) -> None:
    assert len(due(timing, WEEK)) <= CELLS + 1


# Rows -------------------------------------------------------------------------------


def now_span(**length: float) -> Span:
    return Span(timezone.now(), timedelta(**(length or {"days": 1})))


def row_of(task: PeriodicTask, span: Span | None = None) -> Row:
    schedules = Schedule.objects.select_related("periodic_task").filter(pk=task.pk)
    (row,) = draw(schedules, span or now_span())
    return row


@pytest.mark.django_db
def test_a_run_stands_at_its_slot() -> None:
    task, span = every(), now_span()
    slot = span.now - timedelta(hours=2)
    run = ran(task, "failed", at=slot)

    assert row_of(task, span).ran == [Ran(slot, slot, Run.State.FAILED, 1, str(run.pk))]


@pytest.mark.django_db
def test_a_run_that_was_caught_up_stands_at_its_slot_too() -> None:
    task, span = every(), now_span()
    slot = span.now - timedelta(hours=9)
    ran(task, at=slot, created_at=span.now - timedelta(hours=1), trigger="catch_up")

    (told,) = row_of(task, span).ran
    assert told.first == slot


@pytest.mark.django_db
def test_a_run_by_hand_stands_where_it_was_asked_for() -> None:
    task, span = every(), now_span()
    asked = span.now - timedelta(hours=3)
    waits(task, created_at=asked)

    (told,) = row_of(task, span).ran
    assert (told.first, told.state) == (asked, "pending")


@pytest.mark.django_db
def test_runs_before_the_span_are_left_out() -> None:
    task, span = every(), now_span()
    ran(task, at=span.start - timedelta(minutes=1))
    ran(task, at=span.start - timedelta(hours=1), created_at=span.now)

    assert row_of(task, span).ran == ()


@pytest.mark.django_db
def test_runs_closer_than_a_cell_are_a_stretch_and_a_failure_stands_out() -> None:
    task, span = every(), now_span()
    for minutes in range(0, 120, 5):
        failed = minutes == 60
        slot = span.now - timedelta(minutes=minutes, seconds=1)
        ran(task, "failed" if failed else "succeeded", at=slot)

    told = row_of(task, span).ran

    assert [(one.state, one.count) for one in told] == [
        ("failed", 1),
        ("succeeded", 23),
    ]


@pytest.mark.django_db
def test_a_gap_of_more_than_a_cell_parts_a_stretch() -> None:
    task, span = every(), now_span()
    for minutes in (1, 5, 60, 65):
        ran(task, at=span.now - timedelta(minutes=minutes))

    assert [one.count for one in row_of(task, span).ran] == [2, 2]


def pause(task: PeriodicTask, **fields: Any) -> None:
    said = {"paused_by": "anna", "pause_reason": "Too loud."} | fields
    Schedule.objects.filter(pk=task.pk).update(paused_at=timezone.now(), **said)


@pytest.mark.django_db
def test_what_is_paused_is_not_to_come_and_says_why() -> None:
    task = every()
    pause(task, next_slot=None)

    row = row_of(task)

    assert row.due == ()
    assert row.note == "Paused by anna: Too loud."


@pytest.mark.django_db
def test_a_pause_that_is_over_is_no_note() -> None:
    task = every()
    pause(task, paused_until=timezone.now() - timedelta(minutes=1))

    assert row_of(task).note == ""


@pytest.mark.django_db
def test_the_end_of_a_pause_is_told_in_the_zone_of_the_picture() -> None:
    task = every()
    pause(task, paused_until=datetime(2100, 7, 2, 10, tzinfo=UTC))
    kolkata = Span(timezone.now(), timedelta(days=1), ZoneInfo("Asia/Kolkata"))

    note = row_of(task, kolkata).note

    assert note == "Paused by anna until 2100-07-02 15:30:00 IST: Too loud."


@pytest.mark.django_db
def test_what_the_clock_has_stopped_says_what_to_mend() -> None:
    task = every()
    pause(task, paused_by=THE_CLOCK, pause_reason="No such task.")

    assert row_of(task).note == "Stopped, until this is mended: No such task."


@pytest.mark.django_db
def test_after_a_pause_slots_come_again() -> None:
    task, span = daily(), now_span(days=7)
    until = span.now + timedelta(days=3)
    pause(task, paused_until=until)

    firsts = [one.first for one in row_of(task, span).due]

    assert len(firsts) == 4
    assert min(firsts) >= until


@pytest.mark.django_db
def test_what_is_switched_off_is_not_to_come() -> None:
    task = every(enabled=False)

    assert (row_of(task).due, row_of(task).note) == ((), "Switched off.")


@pytest.mark.django_db
def test_a_slot_that_was_not_sent_is_overdue() -> None:
    task, span = every(), now_span()
    slot = span.now - timedelta(minutes=4)
    Schedule.objects.filter(pk=task.pk).update(next_slot=slot)

    row = row_of(task, span)

    assert row.overdue == slot
    assert "no beat has sent it" in row.note


@pytest.mark.django_db
def test_it_says_when_in_words() -> None:
    assert row_of(daily(hour=3)).words == "Daily at 03:00, Europe/Berlin"


def two_kinds(task: PeriodicTask) -> None:
    other = daily()
    PeriodicTask.objects.filter(pk=task.pk).update(crontab=other.crontab)


def no_zone(task: PeriodicTask) -> None:
    spoil_zone(task.crontab_id)


@pytest.mark.django_db
@pytest.mark.parametrize("spoil", [two_kinds, no_zone])
def test_a_definition_that_makes_no_sense_spoils_its_own_row_alone(
    spoil: Callable[[PeriodicTask], None],
) -> None:
    spoilt, sound = daily(hour=4), daily(hour=5, zone="America/New_York")
    if spoil is two_kinds:
        spoilt = every()
    spoil(spoilt)

    rows = draw([clock_of(spoilt), clock_of(sound)], now_span())

    assert rows[0].due == ()
    assert rows[0].note
    assert len(rows[1].due) == 1


@pytest.mark.django_db
def test_it_takes_two_queries_whatever_there_is(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for task in (every(1), every(), daily()):
        ran(task)
        ran(task, "failed", at=timezone.now() - timedelta(hours=1))
    schedules = list(Schedule.objects.select_related("periodic_task"))

    with django_assert_num_queries(2):
        assert draw(schedules, now_span())
