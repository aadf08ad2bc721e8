"""Pauses and runs by hand, asked for at one moment on a connection each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django_celery_beat.models import PeriodicTask

from scheduling.clock import database_now
from scheduling.dispatch import dispatch_due
from scheduling.exceptions import AlreadyRequested, Refusal
from scheduling.manual import cancel, retry, run_now
from scheduling.models import Run, Schedule
from scheduling.pausing import pause, resume
from tests.concurrency.connections import PATIENCE, at_once, colleague, deadlocks
from tests.scheduling.schedules import clock_of, every, long_ago, ran, unseen, waits
from tests.scheduling.waiting import somebody_waits, somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4


def asked(task: PeriodicTask, **fields: object) -> str:
    """Ask for a run by hand, and tell what came of it."""
    try:
        run_now(task, by="anna", **fields)  # type: ignore[arg-type] # a page's id
    except AlreadyRequested:
        return "asked already"
    return "runs"


def paused(*tasks: PeriodicTask, by: str) -> int:
    return len(pause([task.pk for task in tasks], by=by, reason="Stocktaking").changed)


def test_clicks_at_once_on_run_now_start_one_run() -> None:
    task = every(10)

    answers = at_once(*[partial(asked, task)] * AT_ONCE)

    assert sorted(answers) == ["asked already"] * (AT_ONCE - 1) + ["runs"]
    assert Run.objects.count() == 1


def test_clicks_at_once_on_one_page_start_one_run_of_an_unseen_schedule() -> None:
    task = unseen()
    page = uuid4()

    answers = at_once(*[partial(asked, task, run_id=page)] * AT_ONCE)

    assert answers.count("runs") == 1
    assert Run.objects.get().pk == page


def test_pauses_at_once_are_one_pause_and_write_a_due_slot_down_once() -> None:
    task = every(10)
    long_ago(task, next_slot=database_now() - timedelta(minutes=5))

    changed = at_once(*[partial(paused, task, by=by) for by in ("anna", "ben", "cy")])

    assert sorted(changed) == [0, 0, 1]
    assert Run.objects.get().state == Run.State.MISSED


def test_sets_in_opposite_orders_do_not_deadlock() -> None:
    tasks = [every(10) for _ in range(6)]
    before = deadlocks()

    changed = at_once(
        partial(paused, *tasks, by="anna"), partial(paused, *reversed(tasks), by="ben")
    )

    assert sorted(changed) == [0, 6]
    assert deadlocks() == before


def test_resuming_at_once_writes_the_slots_of_the_pause_down_once() -> None:
    task = every(10)
    long_ago(task)
    Schedule.objects.filter(pk=task.pk).update(
        paused_at=database_now() - timedelta(hours=1),
        paused_by="anna",
        pause_reason="Stocktaking",
        next_slot=None,
    )

    outcomes = at_once(*[partial(resume, [task.pk], by="ben")] * AT_ONCE)

    assert sum(len(outcome.changed) for outcome in outcomes) == 1
    assert Run.objects.get().slots_missed == 6


def test_a_due_slot_is_sent_or_missed_when_beat_and_a_pause_meet() -> None:
    task = every(10)
    due = database_now() - timedelta(seconds=1)
    long_ago(task, next_slot=due)

    at_once(dispatch_due, partial(paused, task, by="anna"))

    assert Run.objects.get(slot=due).state in {Run.State.PENDING, Run.State.MISSED}
    assert clock_of(task).is_paused
    assert clock_of(task).next_slot is None


def test_a_pause_waits_for_a_beat_that_is_at_the_schedule() -> None:
    task = every(10)
    long_ago(task, next_slot=database_now() - timedelta(seconds=1))

    with colleague() as start:
        with transaction.atomic():
            dispatch_due()
            waiting = start(paused, task, by="anna")
            until(somebody_waits_for_us)
        changed = waiting.result(PATIENCE)

    assert changed == 1
    assert Run.objects.get().state == Run.State.PENDING
    assert clock_of(task).next_slot is None


def test_retries_at_once_are_one_retry() -> None:
    failed = ran(every(10), "failed")

    def again() -> str:
        try:
            retry(failed, by="anna")
        except AlreadyRequested:
            return "asked already"
        return "retried"

    answers = at_once(*[again] * AT_ONCE)

    assert answers.count("retried") == 1
    assert failed.retries.count() == 1


def test_a_retry_waits_for_the_deletion_of_its_schedule_and_is_refused() -> None:
    task = every(10)
    failed = ran(task, "failed")
    has_begun, may_go_on = Event(), Event()
    before = deadlocks()

    def delete_slowly() -> None:
        halt = partial(halt_before_schedules_go, has_begun, may_go_on)
        with connection.execute_wrapper(halt):
            task.delete()

    with colleague() as ben, colleague() as anna:
        deletion = ben(delete_slowly)
        assert has_begun.wait(PATIENCE)
        again = anna(retry, failed, by="anna")
        until(lambda: again.done() or somebody_waits())
        may_go_on.set()
        deletion.result(PATIENCE)
        with pytest.raises(Refusal, match="was deleted"):
            again.result(PATIENCE)

    assert deadlocks() == before
    failed.refresh_from_db()
    assert failed.periodic_task_id is None


def halt_before_schedules_go(
    reached: Event, go_on: Event, execute: Callable[..., Any], sql: str, *rest: Any
) -> Any:
    """Halt a deletion that has its hands on the runs, and not on the schedule."""
    if sql.startswith('DELETE FROM "scheduling_schedule"'):
        reached.set()
        assert go_on.wait(PATIENCE)
    return execute(sql, *rest)


def test_of_a_claim_and_a_cancellation_one_wins() -> None:
    run = waits(every(10))

    def claim() -> str:
        now = database_now()
        claimed = Run.objects.filter(pk=run.pk, state="pending").update(
            state="running", attempts=1, started_at=now, lease_until=now
        )
        return "claimed" if claimed else ""

    def call_off() -> str:
        try:
            cancel(run, by="anna")
        except Refusal:
            return ""
        return "cancelled"

    answers = at_once(claim, call_off)

    run.refresh_from_db()
    (won,) = filter(None, answers)
    assert run.state == {"claimed": "running", "cancelled": "skipped"}[won]
