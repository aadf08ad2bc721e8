"""Beats at once, and edits beside them: one Run for a slot, no lost edit."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

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
from tests.concurrency.connections import at_once, colleague, deadlocks
from tests.scheduling.factories import TASK
from tests.scheduling.schedules import follow_all, unseen, waits
from tests.scheduling.waiting import somebody_waits, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

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


def test_a_beat_that_read_the_older_definition_does_not_write_last() -> None:
    task = unseen(minutes=10)
    follow_all()
    about_to_write, may_write = Event(), Event()

    def follow_slowly() -> None:
        with connection.execute_wrapper(partial(stop_short, about_to_write, may_write)):
            changes.take_changes()

    with colleague() as slow, colleague() as quick:
        edit(task, start_time=database_now())
        slower = slow(follow_slowly)
        assert about_to_write.wait(10)
        edit(task, enabled=False)
        quicker = quick(changes.take_changes)
        until(lambda: quicker.done() or somebody_waits())
        may_write.set()
        slower.result(timeout=10)
        quicker.result(timeout=10)
        follow_all()

    assert Schedule.objects.get(pk=task.pk).next_slot is None


def edit(task: PeriodicTask, **fields: Any) -> None:
    PeriodicTask.objects.filter(pk=task.pk).update(**fields)


def stop_short(
    reached: Event,
    go_on: Event,
    execute: Callable[..., Any],
    sql: str,
    *arguments: Any,
) -> Any:
    """Stop a connection before it writes a next slot, having read all it needs."""
    if sql == changes.WRITE:
        reached.set()
        assert go_on.wait(10)
    return execute(sql, *arguments)


def test_markers_that_another_beat_is_at_are_left_to_it() -> None:
    unseen(minutes=10)

    with colleague() as start, transaction.atomic():
        assert changes.take_changes() > 0
        assert start(changes.take_changes).result(timeout=10) == 0


def test_beats_that_follow_a_row_that_many_share_do_not_deadlock() -> None:
    shared = CrontabSchedule.objects.create(minute="0", hour="4")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"Shares {number}", task=TASK, crontab=shared)
        for number in range(500)
    )
    follow_all()
    before = deadlocks()

    for _ in range(4):
        ScheduleChange.objects.bulk_create(
            ScheduleChange(kind=ScheduleChange.Kind.CRONTAB, row_id=shared.pk)
            for _ in range(4)
        )
        at_once(*[partial(changes.take_changes, 1)] * 4)
        follow_all()

    assert deadlocks() == before
    assert not ScheduleChange.objects.exists()


def test_a_schedule_that_somebody_holds_keeps_no_other_edit_waiting() -> None:
    held, other = unseen(minutes=10), unseen(minutes=10)
    follow_all()

    with colleague() as start:
        with transaction.atomic():
            Schedule.objects.select_for_update().get(pk=held.pk)
            for task in (held, other):
                start(edit, task, enabled=False).result(timeout=10)
            # Shorter than the database lets anybody wait for a lock.
            start(follow_all).result(timeout=5)
            assert start(next_slot_of, other).result(timeout=5) is None
        assert next_slot_of(held) is not None
        (marker,) = ScheduleChange.objects.all()
        follow_all()

    clock = Schedule.objects.get(pk=held.pk)
    assert clock.next_slot is None
    assert clock.changed_at == marker.changed_at


def next_slot_of(task: PeriodicTask) -> datetime | None:
    return Schedule.objects.get(pk=task.pk).next_slot


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


def test_a_late_run_that_somebody_holds_keeps_no_other_waiting() -> None:
    task = unseen(minutes=10)
    past = database_now() - timedelta(seconds=1)
    held, other = (
        waits(task, exclusive=False, deadline=past, ring_after=past) for _ in "12"
    )

    with colleague() as start, transaction.atomic():
        Run.objects.select_for_update().get(pk=held.pk)
        assert start(publishing.write_off_late).result(timeout=5) == 1
    other.refresh_from_db()

    assert other.state == Run.State.MISSED
    assert publishing.write_off_late() == 1
