"""Dead workers' runs are taken back, and what fails for ever is stopped."""

from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from scheduling import ledger, pausing, recovery
from scheduling.clock import database_now
from scheduling.models import Run, Schedule
from tests.scheduling.factories import TASK
from tests.scheduling.schedules import every, leave_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def hourly() -> PeriodicTask:
    return every(60, name="Hourly")


def running(task: PeriodicTask, *, attempts: int, lease: timedelta) -> Run:
    now = database_now()
    return Run.objects.create(
        periodic_task=task,
        name="Hourly",
        task=TASK,
        slot=now,
        trigger=Run.Trigger.SCHEDULE,
        state=Run.State.RUNNING,
        attempts=attempts,
        rings=3,
        created_at=now,
        started_at=now,
        lease_until=now + lease,
        worker="worker@host/1",
    )


def ended(task: PeriodicTask, state: Run.State, **fields: Any) -> Run:
    now = database_now()
    return Run.objects.create(
        **{
            "periodic_task": task,
            "name": "Hourly",
            "task": TASK,
            "trigger": Run.Trigger.MANUAL,
            "state": state,
            "reason": "It was lost." if state == Run.State.LOST else "",
            "created_at": now,
            "finished_at": now,
        }
        | fields
    )


def let_the_lease_run_out(run: Run) -> None:
    """Let beat find the lease out, and the time pass that it gives then."""
    assert recovery.take_back() == 0
    past = database_now() - timedelta(seconds=1)
    Run.objects.filter(pk=run.pk).update(lease_until=past, ring_after=past)


def test_a_run_within_its_lease_is_left_alone(hourly: PeriodicTask) -> None:
    run = running(hourly, attempts=1, lease=timedelta(seconds=30))
    as_it_was = Run.objects.values().get()

    assert recovery.take_back() == 0

    assert Run.objects.values().get(pk=run.pk) == as_it_was


def test_a_lease_that_is_out_is_given_some_seconds_once(hourly: PeriodicTask) -> None:
    run = running(hourly, attempts=1, lease=timedelta(minutes=-5))
    before = database_now()

    assert [recovery.take_back() for _ in range(3)] == [0, 0, 0]

    run.refresh_from_db()
    assert run.state == Run.State.RUNNING
    assert run.lease_until
    assert before <= run.lease_until - recovery.LEASE_GRACE <= database_now()
    let_the_lease_run_out(run)
    assert recovery.take_back() == 1


def test_a_worker_that_was_called_and_lives_keeps_its_run(hourly: PeriodicTask) -> None:
    run = running(hourly, attempts=1, lease=timedelta(seconds=-1))
    recovery.take_back()

    ledger.extend([(run.pk, run.worker)])
    past = database_now() - timedelta(seconds=1)
    Run.objects.filter(pk=run.pk).update(lease_until=past)

    assert recovery.take_back() == 0
    run.refresh_from_db()
    assert run.lease_until
    assert run.lease_until > past


def test_a_run_beyond_its_lease_waits_again(hourly: PeriodicTask) -> None:
    run = running(hourly, attempts=1, lease=timedelta(seconds=-1))
    let_the_lease_run_out(run)

    assert recovery.take_back() == 1

    run.refresh_from_db()
    assert (run.state, run.attempts, run.rings) == (Run.State.PENDING, 1, 0)
    assert run.lease_until is None
    assert run.finished_at is None
    assert run.reason == "The worker of attempt 1 died, or lost the database."


def test_a_run_that_had_all_its_attempts_is_lost(hourly: PeriodicTask) -> None:
    Schedule.objects.filter(pk=hourly.pk).update(max_attempts=2)
    run = running(hourly, attempts=2, lease=timedelta(seconds=-1))
    let_the_lease_run_out(run)

    recovery.take_back()

    run.refresh_from_db()
    assert run.state == Run.State.LOST
    assert run.finished_at is not None
    assert run.reason == ("Its worker died, or lost the database, in attempt 2 of 2.")


def test_failures_in_a_row_pause_a_schedule_that_asks_for_it(
    hourly: PeriodicTask,
) -> None:
    Schedule.objects.filter(pk=hourly.pk).update(pause_after_failures=2)
    ended(hourly, Run.State.FAILED)
    assert recovery.pause_failing() == 0

    ended(hourly, Run.State.LOST)
    assert recovery.pause_failing() == 1

    clock = Schedule.objects.get(pk=hourly.pk)
    assert clock.paused_by == recovery.AFTER_FAILURES
    assert clock.pause_reason == "The last 2 runs failed."
    assert clock.next_slot is None
    assert recovery.pause_failing() == 0


def test_slots_that_were_due_when_failures_paused_a_schedule_are_missed() -> None:
    task = every(10)
    Schedule.objects.filter(pk=task.pk).update(pause_after_failures=2)
    due = leave_due(task)
    for _ in range(2):
        ended(task, Run.State.FAILED)

    assert recovery.pause_failing() == 1

    missed = Run.objects.get(state=Run.State.MISSED)
    assert (missed.slot, missed.slots_missed) == (due, 3)
    assert missed.reason.endswith(
        " not sent when the clock paused the schedule: The last 2 runs failed."
    )


def test_a_success_in_between_starts_the_count_anew(hourly: PeriodicTask) -> None:
    Schedule.objects.filter(pk=hourly.pk).update(pause_after_failures=2)
    for state in (Run.State.FAILED, Run.State.SUCCEEDED, Run.State.FAILED):
        ended(hourly, state)

    assert recovery.pause_failing() == 0


def test_failures_before_the_last_edit_do_not_count(hourly: PeriodicTask) -> None:
    Schedule.objects.filter(pk=hourly.pk).update(pause_after_failures=1)
    ended(
        hourly,
        Run.State.FAILED,
        created_at=database_now() - timedelta(hours=1),
        finished_at=database_now() - timedelta(hours=1),
    )

    assert recovery.pause_failing() == 0


def test_failures_before_a_resume_do_not_count(hourly: PeriodicTask) -> None:
    Schedule.objects.filter(pk=hourly.pk).update(pause_after_failures=2)
    for _ in range(2):
        ended(hourly, Run.State.FAILED)
    assert recovery.pause_failing() == 1

    pausing.resume([hourly.pk], by="anna")
    assert recovery.pause_failing() == 0

    ended(hourly, Run.State.FAILED)
    assert recovery.pause_failing() == 0
    ended(hourly, Run.State.FAILED)
    assert recovery.pause_failing() == 1


def test_failures_are_counted_for_all_schedules_in_one_query(
    django_assert_num_queries: Any,
) -> None:
    for _ in range(5):
        every(60)
    Schedule.objects.update(pause_after_failures=2)

    # Beside it a savepoint, and the time.
    with django_assert_num_queries(4):
        assert recovery.pause_failing() == 0


def test_without_the_policy_nothing_is_paused(hourly: PeriodicTask) -> None:
    for _ in range(10):
        ended(hourly, Run.State.FAILED)

    assert recovery.pause_failing() == 0
