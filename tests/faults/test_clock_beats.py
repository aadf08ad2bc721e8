"""Beats die, stop, are many, have a wrong clock: no slot is lost, none doubled."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from scheduling.clock import database_now
from scheduling.models import Heartbeat, Run, Schedule
from tests.concurrency.connections import colleague
from tests.faults.clock import (
    Clock,
    Series,
    account,
    each_ran,
    kill_and_replace,
    none_is_open,
    one_at_a_time,
    reaches,
    ring_now,
    slots_between,
    stop,
)
from tests.processes import StartProcess
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

#: More than the steps of a beat's turn.
SCHEDULES = 60


def some_hours_ago(hours: int = 2) -> datetime:
    """Return an instant on a minute, five minutes more than so many hours ago."""
    minute = database_now().replace(second=0, microsecond=0)
    return minute - timedelta(hours=hours, minutes=5)


def test_beat_killed_at_any_step_of_its_turn_leaves_the_slot_to_the_next(
    clock: Clock, start_process: StartProcess
) -> None:
    slot = some_hours_ago()
    tasks = [clock.daily(at=slot, next_slot=None) for _ in range(SCHEDULES)]

    forks = ("tests.faults.forked_beats", "killed", slot.isoformat())
    beats = start_process("forks", *forks)
    beats.wait_until_it_says("killed at ")
    assert beats.exit_code() == 0

    with_slots = Schedule.objects.exclude(next_slot=None)
    keys = set(with_slots.values_list("pk", flat=True))
    due = [task for task in tasks if task.pk in keys]
    assert len(due) > 30
    ring_now()
    clock.worker()
    clock.beat()
    until(none_is_open, seconds=60)
    bodies = clock.bodies()
    for task in due:
        assert account(task, [slot], bodies) == {"succeeded": 1}


def test_beat_asked_to_stop_in_a_busy_turn_ends_at_once(
    clock: Clock, start_process: StartProcess
) -> None:
    series = [clock.series(overlap="allow", catch_up="all") for _ in range(12)]

    beats = start_process("forks", "tests.faults.forked_beats", "stopped")
    beats.wait_until_it_says("stopped ")

    assert beats.exit_code() == 0
    clock.beat()
    clock.worker()
    ring_now()
    stop(*series)
    bodies = clock.bodies()
    assert all(each_ran(one, bodies) for one in series)


def test_beats_killed_one_after_the_other_lose_and_double_no_slot(clock: Clock) -> None:
    clock.worker()
    for _ in range(3):
        clock.beat()
    queued = clock.series(catch_up="all", overlap="queue")
    beside = clock.series(catch_up="all", overlap="allow")
    until(reaches(queued.task, "succeeded"), seconds=60)

    kill_and_replace(clock, seconds=16, every=2)

    ring_now()
    stop(queued, beside)
    bodies = clock.bodies()
    assert len(queued.slots) > 15
    assert each_ran(queued, bodies)
    assert each_ran(beside, bodies)
    assert one_at_a_time(queued.task, bodies)
    for beat in clock.beats:
        assert not beat.has_said("database_away")
        assert not beat.has_said("turn_failed")
        beat.wait_until_it_says("beat: Starting...")
        beat.ask_to_stop()
    assert [beat.exit_code() for beat in clock.beats] == [0, 0, 0]


def test_slots_that_no_beat_saw_are_caught_up_as_their_schedules_say(
    clock: Clock,
) -> None:
    slot = some_hours_ago()
    policies = ("latest", "all", "skip")
    clock.beat()
    daily = {policy: clock.daily(at=slot, catch_up=policy) for policy in policies}
    hourly = {policy: clock.hourly(at=slot, catch_up=policy) for policy in policies}
    until(lambda: Heartbeat.objects.exists(), seconds=60)
    clock.beats.pop().kill()
    assert not Run.objects.exists()

    let_pass_unseen([*daily.values(), *hourly.values()], slot)
    new = clock.unseen(slot_in=0.5)
    until(lambda: database_now() > new.first)
    clock.worker()
    clock.beat()

    tasks = [*daily.values(), *hourly.values(), new.task]
    until(lambda: all(is_moved_on(task) for task in tasks), seconds=60)
    until(none_is_open, seconds=60)
    bodies = clock.bodies()
    assert account(new.task, [new.first], bodies) == {"succeeded": 1}
    counts = {name: account(task, [slot], bodies) for name, task in daily.items()}
    assert counts == {
        "latest": {"succeeded": 1},
        "all": {"succeeded": 1},
        "skip": {"skipped": 1},
    }
    hours = slots_between(slot, timedelta(hours=1), database_now())
    assert len(hours) == 3
    counts = {name: account(task, hours, bodies) for name, task in hourly.items()}
    assert counts == {
        "latest": {"skipped": 2, "succeeded": 1},
        "all": {"succeeded": 3},
        "skip": {"skipped": 3},
    }


def let_pass_unseen(tasks: list[PeriodicTask], slot: datetime) -> None:
    """Move the rows back to before a slot, as if no beat had been there since."""
    before = slot - timedelta(days=7)
    moved = Schedule.objects.filter(pk__in=[task.pk for task in tasks])
    moved.update(next_slot=slot, anchor=before, changed_at=before)


def is_moved_on(task: PeriodicTask) -> bool:
    return Schedule.objects.filter(pk=task.pk, next_slot__gt=Now()).exists()


def test_edits_of_two_sessions_take_hold_when_made_also_the_one_committed_late(
    clock: Clock,
) -> None:
    clock.worker()
    clock.beat()
    clock.beat()
    late, early = (clock.series(catch_up="all", overlap="allow") for _ in range(2))
    every_two, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
    until(reaches(late.task, "succeeded", count=2), seconds=60)

    with colleague() as start, transaction.atomic():
        edit(late, interval=every_two)
        start(edit, early, interval=every_two).result(timeout=10)
        ran = Run.objects.filter(periodic_task=early.task)
        sent = ran.count()
        until(lambda: ran.count() >= sent + 2)

    for series in (late, early):
        until(partial(is_edited, series))
    edited_at = dict(Schedule.objects.values_list("pk", "changed_at"))
    stop(late, early)
    bodies = clock.bodies()
    for series in (late, early):
        at = edited_at[series.task.pk]
        slots = [slot for slot in series.slots if slot <= at]
        slots += [slot for slot in series.slots[::2] if slot > at]
        counts = account(series.task, slots, bodies)
        # The edit may have been a moment faster than beat.
        assert counts["succeeded"] + counts["missed"] == len(slots)
        assert counts["missed"] <= 1


def edit(series: Series, **fields: Any) -> None:
    """Edit a schedule while none of its slots is near."""
    until(lambda: not series.is_near())
    PeriodicTask.objects.filter(pk=series.task.pk).update(**fields)


def is_edited(series: Series) -> bool:
    """Return whether beat has followed an edit made since the first slot."""
    clock = Schedule.objects.filter(pk=series.task.pk)
    return clock.filter(changed_at__gt=series.first).exists()


def test_clocks_of_beats_and_workers_that_are_hours_off_change_nothing(
    clock: Clock,
) -> None:
    clock.worker(hours_off=7)
    clock.beat(hours_off=5)
    clock.beat(hours_off=-3)
    tomorrow = some_hours_ago(-2)
    daily = clock.daily(at=tomorrow)
    series = clock.series(catch_up="all", overlap="queue")
    until(reaches(series.task, "succeeded", count=8), seconds=60)

    stop(series)
    assert each_ran(series, clock.bodies())
    assert not Run.objects.filter(periodic_task=daily).exists()
    assert Schedule.objects.get(pk=daily.pk).next_slot == tomorrow
    for run in Run.objects.all():
        assert run.lateness is not None
        assert timedelta(0) <= run.lateness < timedelta(minutes=1)
