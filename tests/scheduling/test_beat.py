"""Beat runs what stands in the tables: each slot once, at any number of beats."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config import celery_app
from scheduling.beat import LONGEST_SLEEP, SHORTEST_SLEEP, Look, SlotScheduler
from scheduling.models import Heartbeat, Incident, Run, Schedule
from scheduling.seeding import apply_defaults
from tests.processes import OwnProcess, StartCelery
from tests.scheduling.schedules import follow_all, ran
from tests.scheduling.waiting import until


def expire_a_session() -> None:
    expired_at = datetime.now(UTC) - timedelta(minutes=1)
    Session.objects.create(session_key="old", session_data="", expire_date=expired_at)


def no_session_is_left() -> bool:
    return not Session.objects.exists()


@pytest.fixture
def beats(start_celery: StartCelery) -> Callable[[int], list[OwnProcess]]:
    def start(count: int) -> list[OwnProcess]:
        apply_defaults()
        return [start_celery("beat") for _ in range(count)]

    return start


def hourly() -> PeriodicTask:
    """Make a schedule as django-celery-beat's documentation shows it."""
    interval, _ = IntervalSchedule.objects.get_or_create(
        every=1, period=IntervalSchedule.HOURS
    )
    task, _ = PeriodicTask.objects.get_or_create(
        interval=interval,
        name="Clean up all day",
        task="scheduling.tasks.clean_up_expired_sessions",
    )
    return task


def clock_knows(task: PeriodicTask) -> Callable[[], bool]:
    def known() -> bool:
        clock = Schedule.objects.filter(pk=task.pk).first()
        return clock is not None and clock.next_slot is not None

    return known


def has_runs(task: PeriodicTask, count: int) -> bool:
    return Run.objects.filter(periodic_task=task).count() == count


def make_due(task: PeriodicTask) -> None:
    Schedule.objects.filter(pk=task.pk).update(next_slot=Now())


def test_beat_runs_a_task_made_as_the_documentation_shows(
    start_celery: StartCelery, beats: Callable[[int], list[OwnProcess]]
) -> None:
    expire_a_session()
    start_celery("worker", "--pool=prefork", "--concurrency=1")
    (beat,) = beats(1)

    task = hourly()
    until(clock_knows(task))
    make_due(task)
    until(no_session_is_left)
    until(lambda: Run.objects.filter(state=Run.State.SUCCEEDED).exists())
    beat.ask_to_stop()

    assert beat.exit_code() == 0
    run = Run.objects.get()
    assert run.periodic_task == task
    assert run.result == 1
    task.refresh_from_db()
    assert task.total_run_count == 1
    assert not PeriodicTask.objects.filter(task="celery.backend_cleanup").exists()


def test_two_beats_write_one_run_for_a_slot_and_both_are_seen(
    beats: Callable[[int], list[OwnProcess]],
) -> None:
    task = hourly()
    beats(2)
    until(lambda: Heartbeat.objects.filter(kind="beat").count() == 2)
    until(clock_knows(task))

    for number in range(1, 6):
        make_due(task)
        until(partial(has_runs, task, number))

    states = Run.objects.order_by("slot").values_list("state", flat=True)
    assert states[0] == Run.State.QUEUED
    assert set(states[1:]) == {Run.State.SKIPPED}


def test_beat_does_not_stop_for_a_row_that_nobody_can_read(
    beats: Callable[[int], list[OwnProcess]],
) -> None:
    (beat,) = beats(1)
    good = hourly()
    bad = PeriodicTask.objects.create(
        name="Bad", task=good.task, interval=good.interval
    )
    PeriodicTask.objects.filter(pk=bad.pk).update(headers="[1]", kwargs="{")

    until(clock_knows(good))
    until(lambda: Schedule.objects.filter(pk=bad.pk, paused_by="The clock").exists())
    make_due(good)
    until(lambda: Run.objects.filter(periodic_task=good).exists())
    beat.ask_to_stop()

    assert beat.exit_code() == 0


def worker_was_seen(ago: timedelta) -> None:
    now = datetime.now(UTC)
    Heartbeat.objects.create(
        kind=Heartbeat.Kind.WORKER,
        name="gone",
        started_at=now - timedelta(hours=1),
        seen_at=now - ago,
    )


def test_beat_tells_that_no_worker_is_alive(
    beats: Callable[[int], list[OwnProcess]],
) -> None:
    worker_was_seen(timedelta(minutes=10))

    beats(1)

    incidents = Incident.objects.filter(kind=Incident.Kind.NO_WORKER)
    until(incidents.exists)


def test_beat_does_not_miss_at_once_the_worker_that_starts_with_it(
    beats: Callable[[int], list[OwnProcess]],
) -> None:
    worker_was_seen(timedelta(seconds=75))
    task = hourly()
    follow_all()
    ran(task, "failed")

    beats(1)

    until(Incident.objects.exists)
    assert [incident.kind for incident in Incident.objects.all()] == ["failed"]


def look(**waits: float | None) -> Look:
    known: dict[str, float | None] = {"slot_in": None, "ring_in": None}
    return Look(has_changes=False, lease_ends_in=None, **known | waits)


@pytest.fixture
def scheduler() -> SlotScheduler:
    return SlotScheduler(app=celery_app, lazy=True)


def test_beat_sleeps_until_the_next_thing_and_half_a_second_at_most(
    scheduler: SlotScheduler,
) -> None:
    assert scheduler._sleep(look()) == LONGEST_SLEEP
    assert scheduler._sleep(look(slot_in=7.0)) == LONGEST_SLEEP
    assert scheduler._sleep(look(slot_in=0.3)) == pytest.approx(0.3)
    assert scheduler._sleep(look(slot_in=0.3, ring_in=0.1)) == pytest.approx(0.1)


def test_beat_does_not_spin_for_what_others_hold(scheduler: SlotScheduler) -> None:
    waits = [scheduler._sleep(look(slot_in=-4.0)) for _ in range(6)]

    assert waits == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, LONGEST_SLEEP])
    assert scheduler._sleep(look(ring_in=-4.0)) == LONGEST_SLEEP
    assert scheduler._sleep(look(slot_in=-0.1)) == SHORTEST_SLEEP


def test_beat_ends_with_the_next_turn_where_the_one_it_was_stopped_in_went_on(
    scheduler: SlotScheduler,
) -> None:
    scheduler.close()

    with pytest.raises(SystemExit):
        scheduler.tick()
