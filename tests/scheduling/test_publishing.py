"""Waiting Runs are rung for, one of a schedule at a time, while they may start."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask
from redis import Redis

from scheduling import publishing
from scheduling.clock import database_now
from scheduling.models import Run, Schedule
from tests.scheduling.factories import TASK
from tests.scheduling.schedules import every

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_queue")]


@pytest.fixture
def hourly() -> PeriodicTask:
    return every(60, name="Hourly")


def waiting(task: PeriodicTask | None, **fields: Any) -> Run:
    now = database_now()
    return Run.objects.create(
        **{
            "periodic_task": task,
            "name": "Hourly",
            "task": TASK,
            "slot": now,
            "trigger": Run.Trigger.SCHEDULE,
            "ring_after": now,
            "deadline": now + timedelta(hours=1),
            "created_at": now,
        }
        | fields
    )


def messages(redis_url: str) -> list[dict[str, Any]]:
    """Return the headers of what waits in the broker, oldest first."""
    with Redis.from_url(redis_url) as broker:
        queued: Any = broker.lrange("celery", 0, -1)
    return [json.loads(message)["headers"] for message in reversed(queued)]


def rung(redis_url: str) -> list[str]:
    return [message["id"] for message in messages(redis_url)]


def test_a_run_is_rung_for_under_its_own_id(
    hourly: PeriodicTask, redis_url: str
) -> None:
    run = waiting(hourly)
    assert run.slot is not None

    assert publishing.ring_due() == 1

    (message,) = messages(redis_url)
    assert message["id"] == message["run"] == str(run.pk)
    assert message["task"] == TASK
    assert message["slot"] == run.slot.isoformat()
    assert message["expires"] is None
    assert message["timelimit"] == [None, None]
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED
    assert run.queued_at is not None


def test_a_run_by_hand_has_no_slot(hourly: PeriodicTask, redis_url: str) -> None:
    waiting(hourly, slot=None, trigger=Run.Trigger.MANUAL)

    publishing.ring_due()

    (message,) = messages(redis_url)
    assert "slot" not in message


def test_a_time_limit_comes_with_a_soft_one_before_it(
    hourly: PeriodicTask, redis_url: str
) -> None:
    Schedule.objects.filter(pk=hourly.pk).update(time_limit=timedelta(seconds=100))
    waiting(hourly)

    publishing.ring_due()

    (message,) = messages(redis_url)
    assert message["timelimit"] == [100, 90]


def test_a_run_waits_for_its_time(hourly: PeriodicTask, redis_url: str) -> None:
    waiting(hourly, ring_after=database_now() + timedelta(minutes=1))

    assert publishing.ring_due() == 0

    assert messages(redis_url) == []


def test_a_queued_run_is_rung_again_after_ever_longer_waits(
    hourly: PeriodicTask, redis_url: str
) -> None:
    run = waiting(hourly)
    waits = []

    for _ in range(6):
        Run.objects.update(ring_after=database_now())
        assert publishing.ring_due() == 1
        run.refresh_from_db()
        assert run.ring_after is not None
        waits.append(round((run.ring_after - database_now()).total_seconds() / 60))

    assert waits == [1, 2, 4, 8, 10, 10]
    assert rung(redis_url) == [str(run.pk)] * 6
    assert run.attempts == 0


def test_one_run_of_a_schedule_is_rung_for_at_a_time(
    hourly: PeriodicTask, redis_url: str
) -> None:
    now = database_now()
    first = waiting(hourly, slot=now - timedelta(hours=2))
    second = waiting(hourly, slot=now - timedelta(hours=1))

    publishing.ring_due()
    assert rung(redis_url) == [str(first.pk)]
    first.refresh_from_db()
    first.state, first.finished_at = Run.State.SUCCEEDED, now
    first.save()
    publishing.ring_due()

    assert rung(redis_url) == [str(first.pk), str(second.pk)]


def test_a_retry_that_waits_holds_back_the_slot_after_it(
    hourly: PeriodicTask,
) -> None:
    now = database_now()
    waiting(
        hourly, slot=now - timedelta(hours=2), ring_after=now + timedelta(minutes=5)
    )
    waiting(hourly, slot=now - timedelta(hours=1))

    assert publishing.ring_due() == 0


def test_runs_that_may_overlap_are_all_rung_for(
    hourly: PeriodicTask,
) -> None:
    now = database_now()
    for hour in range(3):
        waiting(hourly, slot=now - timedelta(hours=hour), exclusive=False)

    assert publishing.ring_due() == 3


def test_no_more_are_taken_than_asked_for(hourly: PeriodicTask, redis_url: str) -> None:
    now = database_now()
    for minute in range(5):
        waiting(hourly, slot=now - timedelta(minutes=minute), exclusive=False)

    assert publishing.ring_due(limit=2) == 2

    assert len(messages(redis_url)) == 2


def test_a_run_beyond_its_deadline_is_missed_and_says_so(
    hourly: PeriodicTask,
) -> None:
    late = waiting(hourly, deadline=database_now() - timedelta(seconds=1))
    in_time = waiting(hourly, slot=None, trigger=Run.Trigger.MANUAL)

    assert publishing.write_off_late() == 1

    late.refresh_from_db()
    assert late.state == Run.State.MISSED
    assert late.reason == "No worker started it before its deadline."
    in_time.refresh_from_db()
    assert in_time.state == Run.State.PENDING


def test_a_run_that_has_no_time_for_another_attempt_says_so(
    hourly: PeriodicTask,
) -> None:
    again = waiting(hourly, deadline=database_now(), attempts=1, error="not yet")

    assert publishing.write_off_late() == 1

    again.refresh_from_db()
    assert again.reason == "Its deadline passed before it could start again."
    assert again.error == "not yet"


def test_a_run_whose_schedule_is_gone_is_missed() -> None:
    orphan = waiting(None)

    assert publishing.write_off_late() == 1

    orphan.refresh_from_db()
    assert orphan.reason == "The schedule was deleted before a worker started it."
