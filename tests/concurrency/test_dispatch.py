"""Beats at once, and edits beside them: one Run for a slot, no lost edit."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from celery import current_app
from django.db import connection, transaction
from django.db.models import Count
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from redis import Redis

from scheduling import changes, publishing
from scheduling.clock import database_now
from scheduling.dispatch import dispatch_due
from scheduling.models import Run, Schedule, ScheduleChange
from tests.concurrency.connections import at_once, colleague
from tests.scheduling.schedules import TASK, follow_all, unseen
from tests.scheduling.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)


def make_due(count: int, *, overlap: str = "skip") -> None:
    """Have so many schedules due at once, on hours of one crontab."""
    crontab = CrontabSchedule.objects.create(minute="0", hour="4")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"Due {number}", task=TASK, crontab=crontab)
        for number in range(count)
    )
    follow_all()
    due = Schedule.objects.filter(periodic_task__crontab=crontab)
    due.update(next_slot=database_now() - timedelta(seconds=1), overlap=overlap)


def dispatch_all(batch: int) -> int:
    total = 0
    while done := dispatch_due(batch):
        total += done
    return total


def test_three_beats_at_once_write_one_run_for_a_slot() -> None:
    make_due(60)

    at_once(*[partial(dispatch_all, 7)] * 3)
    dispatch_all(7)

    runs = Run.objects.values("periodic_task").annotate(runs=Count("pk"))
    assert [row["runs"] for row in runs] == [1] * 60
    counts = PeriodicTask.objects.filter(name__startswith="Due ")
    assert set(counts.values_list("total_run_count", flat=True)) == {1}


def test_two_beats_share_the_work_and_do_not_wait_for_each_other() -> None:
    make_due(10)

    with colleague() as start, transaction.atomic():
        assert dispatch_due(4) == 4
        other = start(dispatch_due, 4).result(timeout=10)

    assert other == 4
    assert Run.objects.count() == 8


def test_an_open_edit_holds_up_its_own_schedule_alone() -> None:
    make_due(3)
    edited = PeriodicTask.objects.filter(name="Due 1")

    with colleague() as start, transaction.atomic():
        edited.update(description="Said better.")
        assert start(dispatch_due).result(timeout=10) == 2

    assert dispatch_due() == 1


def test_an_edit_that_commits_late_is_followed() -> None:
    task = unseen(minutes=10)
    follow_all()

    with colleague() as start:
        with transaction.atomic():
            PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
            # Others change, and beat follows, while this one is still open.
            start(unseen, 20).result(timeout=10)
            start(follow_all).result(timeout=10)
        start(follow_all).result(timeout=10)

    assert Schedule.objects.get(pk=task.pk).next_slot is None
    assert not ScheduleChange.objects.exists()


def test_of_two_edits_at_once_the_later_definition_holds() -> None:
    task = unseen(minutes=10)
    follow_all()

    def follow_slowly() -> None:
        """Read the first edit's marker, and wait for the schedule's row."""
        changes.take_changes()

    with colleague() as start:
        PeriodicTask.objects.filter(pk=task.pk).update(start_time=database_now())
        with transaction.atomic():
            Schedule.objects.select_for_update().get(pk=task.pk)
            waiting = start(follow_slowly)
            until(somebody_waits_for_us)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE django_celery_beat_periodictask SET enabled = false"
                    " WHERE id = %s",
                    [task.pk],
                )
        waiting.result(timeout=10)
        follow_all()

    assert Schedule.objects.get(pk=task.pk).next_slot is None


def test_beats_that_follow_the_same_edits_do_not_deadlock() -> None:
    tasks = [unseen(minutes=10) for _ in range(40)]
    follow_all()

    for _ in range(3):
        PeriodicTask.objects.filter(pk__in=[task.pk for task in tasks]).update(
            start_time=database_now() + timedelta(days=1)
        )
        at_once(*[partial(changes.take_changes, 7)] * 4)
        follow_all()

    slots = Schedule.objects.filter(pk__in=[task.pk for task in tasks])
    tomorrow = database_now() + timedelta(hours=23)
    assert all(clock.next_slot and clock.next_slot > tomorrow for clock in slots)


@pytest.mark.usefixtures("empty_queue")
def test_three_beats_ring_once_for_each_run(redis_url: str) -> None:
    make_due(60, overlap="allow")
    dispatch_all(60)

    def ring_all() -> None:
        while publishing.ring_due(5):
            pass

    at_once(*[ring_all] * 3)

    with Redis.from_url(redis_url) as broker:
        assert broker.llen(current_app.conf.task_default_queue) == 60
    assert set(Run.objects.values_list("rings", "state")) == {(1, "queued")}
