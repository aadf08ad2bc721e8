"""Each slot that comes due becomes one Run, or a row that says why not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
)

from scheduling import changes
from scheduling.clock import database_now
from scheduling.dispatch import dispatch_due
from scheduling.models import Run, Schedule, ScheduleChange
from tests.scheduling.factories import TASK
from tests.scheduling.schedules import follow_all

pytestmark = pytest.mark.django_db


def every(minutes: int, **fields: Any) -> PeriodicTask:
    """Make a schedule whose grid began long ago, the next slot being to come."""
    interval = IntervalSchedule.objects.create(every=minutes, period="minutes")
    number = PeriodicTask.objects.count()
    task = PeriodicTask.objects.create(
        name=f"Every {minutes} minutes {number}", task=TASK, interval=interval, **fields
    )
    follow_all()
    return task


def move_back(task: PeriodicTask, ago: timedelta) -> datetime:
    """Make a slot due so long ago, its grid moved with it; return the slot."""
    due = database_now() - ago
    assert task.interval
    grid = timedelta(minutes=task.interval.every)
    Schedule.objects.filter(pk=task.pk).update(next_slot=due, anchor=due - grid * 100)
    return due


def policies(task: PeriodicTask, **fields: Any) -> None:
    Schedule.objects.filter(pk=task.pk).update(**fields)


def test_nothing_is_due_before_its_time() -> None:
    every(10)

    assert dispatch_due() == 0

    assert not Run.objects.exists()


def test_a_slot_becomes_a_run_with_what_the_schedule_says() -> None:
    task = every(10)
    due = move_back(task, timedelta(seconds=2))

    assert dispatch_due() == 1

    run = Run.objects.get()
    assert (run.periodic_task, run.name, run.task) == (task, task.name, TASK)
    assert (run.slot, run.state, run.trigger) == (due, "pending", "schedule")
    assert run.ring_after == due
    assert run.deadline == due + timedelta(hours=24)
    assert run.exclusive
    clock = Schedule.objects.get(pk=task.pk)
    assert clock.next_slot == due + timedelta(minutes=10)


def test_counters_of_the_task_are_kept_true_and_are_no_change() -> None:
    task = every(10)
    move_back(task, timedelta(seconds=2))

    dispatch_due()

    task.refresh_from_db()
    assert task.total_run_count == 1
    assert task.last_run_at is not None
    assert not ScheduleChange.objects.exists()


def test_dispatching_again_writes_nothing_twice() -> None:
    task = every(10)
    due = move_back(task, timedelta(seconds=2))
    dispatch_due()

    # As if the beat had died before it moved the slot on.
    Schedule.objects.filter(pk=task.pk).update(next_slot=due)
    dispatch_due()

    assert Run.objects.count() == 1


def test_a_late_slot_is_caught_up_and_those_before_it_are_explained() -> None:
    task = every(10)
    due = move_back(task, timedelta(minutes=35))

    dispatch_due()

    latest = Run.objects.get(state="pending")
    assert latest.trigger == "catch_up"
    assert latest.slot == due + timedelta(minutes=30)
    assert Run.objects.filter(state="skipped", slots_missed=1).count() == 3


def test_a_schedule_that_overlaps_itself_skips_and_names_the_run_at_work() -> None:
    task = every(10)
    move_back(task, timedelta(minutes=10, seconds=1))
    dispatch_due()
    Run.objects.filter(state="skipped").delete()

    move_back(task, timedelta(seconds=1))
    dispatch_due()

    skipped = Run.objects.get(state="skipped")
    assert "had not ended" in skipped.reason


def test_a_run_of_another_schedule_is_in_nobodys_way() -> None:
    first, second = every(10), every(10)
    move_back(first, timedelta(seconds=1))
    dispatch_due()

    move_back(second, timedelta(seconds=1))
    dispatch_due()

    assert Run.objects.filter(state="pending").count() == 2


def test_allowed_overlap_makes_runs_that_exclude_nothing() -> None:
    task = every(10)
    policies(task, overlap="allow")
    move_back(task, timedelta(seconds=1))

    dispatch_due()

    assert not Run.objects.get().exclusive


def test_arguments_travel_with_the_run() -> None:
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    task = PeriodicTask.objects.create(
        name="Sweep",
        task="orders.tasks.auto_close_old_orders",
        interval=interval,
        kwargs='{"dry_run": true}',
    )
    follow_all()
    policies(task, next_slot=database_now())

    dispatch_due()

    assert Run.objects.get().kwargs == {"dry_run": True}


def test_a_clocked_schedule_fires_once_and_disables_itself() -> None:
    at = database_now() + timedelta(hours=1)
    clocked = ClockedSchedule.objects.create(clocked_time=at)
    task = PeriodicTask.objects.create(
        name="Once", task=TASK, clocked=clocked, one_off=True
    )
    follow_all()
    ClockedSchedule.objects.update(clocked_time=database_now() - timedelta(minutes=1))
    ScheduleChange.objects.update(changed_at=database_now() - timedelta(minutes=5))
    Schedule.objects.filter(pk=task.pk).update(
        anchor=database_now() - timedelta(days=1)
    )
    follow_all()

    dispatch_due()
    follow_all()

    task.refresh_from_db()
    assert not task.enabled
    assert Run.objects.count() == 1
    assert Schedule.objects.get(pk=task.pk).next_slot is None
    assert not Schedule.objects.get(pk=task.pk).is_paused


def test_a_clocked_schedule_by_sql_disables_itself_as_well() -> None:
    now = database_now()
    clocked = ClockedSchedule.objects.create(clocked_time=now + timedelta(hours=1))
    # Not one-off, which django-celery-beat's own `save` refuses.
    PeriodicTask.objects.bulk_create(
        [PeriodicTask(name="Once", task=TASK, clocked=clocked)]
    )
    follow_all()
    Schedule.objects.filter(periodic_task__clocked=clocked).update(next_slot=now)

    dispatch_due()

    assert Run.objects.count() == 1
    assert not PeriodicTask.objects.get(clocked=clocked).enabled


def test_a_count_that_is_full_stops_nobody() -> None:
    tasks = [every(10, total_run_count=full) for full in (2**31 - 1, 0)]
    for task in tasks:
        move_back(task, timedelta(seconds=1))

    dispatch_due()

    assert Run.objects.count() == 2
    for task in tasks:
        task.refresh_from_db()
    assert [task.total_run_count for task in tasks] == [2**31 - 1, 1]


def test_a_transaction_takes_no_more_runs_than_it_can_write_in_time() -> None:
    for _ in range(6):
        task = every(1)
        policies(task, catch_up=Schedule.CatchUp.ALL)
        move_back(task, timedelta(minutes=999, seconds=30))

    assert [dispatch_due(), Run.objects.count()] == [5, 5000]
    assert [dispatch_due(), Run.objects.count()] == [1, 6000]
    assert dispatch_due() == 0


def test_a_one_off_interval_fires_once() -> None:
    task = every(10, one_off=True)
    move_back(task, timedelta(minutes=25))

    dispatch_due()
    follow_all()

    task.refresh_from_db()
    assert not task.enabled
    assert Run.objects.count() == 1


def test_poison_that_is_not_followed_yet_stops_its_schedule_alone() -> None:
    bad, good = every(10), every(10)
    for task in (bad, good):
        move_back(task, timedelta(seconds=1))
    PeriodicTask.objects.filter(pk=bad.pk).update(headers="[1]")

    dispatch_due()

    stopped = Schedule.objects.get(pk=bad.pk)
    assert stopped.paused_by == changes.THE_CLOCK
    assert "headers" in stopped.pause_reason
    assert stopped.next_slot is None
    missed = Run.objects.get(periodic_task=bad)
    assert (missed.state, missed.reason) == ("missed", stopped.pause_reason)
    assert Run.objects.get(periodic_task=good).state == "pending"


def test_slots_after_the_one_that_could_not_be_sent_are_told_once_it_is_mended() -> (
    None
):
    task = every(10)
    due = move_back(task, timedelta(minutes=25))
    policies(task, changed_at=due - timedelta(days=1))
    PeriodicTask.objects.filter(pk=task.pk).update(headers="[1]")
    # A deploy that takes a task away leaves no marker either.
    ScheduleChange.objects.all().delete()

    dispatch_due()
    PeriodicTask.objects.filter(pk=task.pk).update(headers="{}")
    follow_all()

    told = Run.objects.order_by("slot").values_list("slot", "state", "slots_missed")
    assert list(told) == [
        (due, "missed", 1),
        (due + timedelta(minutes=10), "skipped", 2),
    ]


def test_a_pause_that_is_over_does_not_hide_that_its_schedule_cannot_run() -> None:
    task = every(10)
    due = move_back(task, timedelta(seconds=1))
    policies(
        task,
        paused_at=due - timedelta(minutes=5),
        paused_by="anna",
        pause_reason="Stocktaking",
        paused_until=due,
    )
    PeriodicTask.objects.filter(pk=task.pk).update(headers="[1]")

    dispatch_due()

    clock = Schedule.objects.get(pk=task.pk)
    assert (clock.paused_by, clock.paused_at) == (changes.THE_CLOCK, due)
    assert Run.objects.get().state == "missed"


def test_a_definition_that_changed_is_left_to_its_marker() -> None:
    task = every(10)
    move_back(task, timedelta(seconds=1))
    task.interval = IntervalSchedule.objects.create(every=20, period="minutes")
    task.save()

    assert dispatch_due() == 0

    assert not Run.objects.exists()


def test_a_definition_without_marker_is_computed_anew() -> None:
    task = every(10)
    move_back(task, timedelta(seconds=1))
    policies(task, fingerprint="made otherwise by the release before")

    dispatch_due()

    assert Run.objects.get().state == "missed"
    clock = Schedule.objects.get(pk=task.pk)
    assert clock.next_slot is not None
    assert clock.next_slot > database_now()


def test_a_pause_ends_with_the_slot_after_it() -> None:
    task = every(10)
    due = move_back(task, timedelta(seconds=1))
    policies(
        task,
        paused_at=due - timedelta(minutes=25),
        paused_until=due - timedelta(minutes=5),
        paused_by="anna",
        pause_reason="Stocktaking",
        changed_at=due - timedelta(days=1),
    )

    dispatch_due()

    clock = Schedule.objects.get(pk=task.pk)
    assert not clock.is_paused
    assert Run.objects.get(state="pending").slot == due
    skipped = Run.objects.get(state="skipped")
    assert skipped.slots_missed == 2
    assert skipped.reason.startswith("Paused by anna: Stocktaking.")


def test_a_pause_written_by_sql_holds_back_the_slot() -> None:
    task = every(10)
    move_back(task, timedelta(seconds=1))
    policies(
        task, paused_at=database_now(), paused_by="anna", pause_reason="Stocktaking"
    )

    dispatch_due()

    assert not Run.objects.exists()
    assert Schedule.objects.get(pk=task.pk).next_slot is None


def test_ten_times_as_many_cost_no_more_statements() -> None:
    crontab = CrontabSchedule.objects.create(minute="0", hour="9")

    def due_again(count: int) -> int:
        PeriodicTask.objects.bulk_create(
            PeriodicTask(name=f"{count} {number}", task=TASK, crontab=crontab)
            for number in range(count)
        )
        follow_all()
        Schedule.objects.filter(periodic_task__crontab=crontab).update(
            next_slot=database_now()
        )
        Run.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            dispatch_due()
        return len(queries)

    assert due_again(4) == due_again(40)
    assert Run.objects.count() == 44
