"""Clock health: what is well, what is not, and what to do about it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from scheduling import health, heartbeats
from scheduling.models import Heartbeat, Incident, Schedule
from tests.scheduling.schedules import every, ran, waits

pytestmark = pytest.mark.django_db

BEAT, WORKER = Heartbeat.Kind.BEAT, Heartbeat.Kind.WORKER


def all_alive() -> None:
    heartbeats.record(BEAT, "beat-1")
    heartbeats.record(WORKER, "worker-1")


def last_seen(kind: Heartbeat.Kind, *, ago: timedelta) -> None:
    heartbeats.record(kind, "gone")
    Heartbeat.objects.filter(name="gone").update(seen_at=timezone.now() - ago)


def problems() -> str:
    return " ".join(problem.what for problem in health.check().problems)


def test_all_is_well_where_all_are_alive_and_nothing_waits() -> None:
    all_alive()
    heartbeats.record(BEAT, "beat-2")
    every(10)

    found = health.check()

    assert found.problems == []
    assert found.summary == (
        "All is well: 2 beats and 1 worker are at work, and nothing is overdue."
    )


def test_a_beat_that_was_not_seen_for_half_a_minute_is_not_alive() -> None:
    heartbeats.record(WORKER, "worker-1")
    last_seen(BEAT, ago=timedelta(seconds=90))

    found = health.check()

    assert found.beats == []
    (problem,) = found.problems
    assert "No beat is alive (the last was seen 1 min 30 s ago)" in problem.what
    assert "celery -A config beat" in problem.remedy


def test_a_beat_that_was_seen_in_time_is_alive() -> None:
    heartbeats.record(WORKER, "worker-1")
    last_seen(BEAT, ago=timedelta(seconds=20))

    assert [beat.name for beat in health.check().beats] == ["gone"]


def test_processes_that_are_gone_for_a_day_are_told_of_no_more() -> None:
    last_seen(BEAT, ago=timedelta(days=2))

    found = health.check()

    assert found.processes == []
    assert "No beat is alive:" in found.problems[0].what


def test_without_a_worker_runs_wait() -> None:
    heartbeats.record(BEAT, "beat-1")

    assert problems().startswith("No worker is alive: runs are written down")


def test_a_run_that_waits_long_asks_for_a_look() -> None:
    all_alive()
    waits(every(10), created_at=timezone.now() - timedelta(minutes=5))
    waits(every(10))

    found = health.check()

    assert found.waiting.count == 2
    assert [problem.what for problem in found.problems] == [
        "A run has waited for 5 min."
    ]


def test_a_run_that_was_taken_back_waits_since_its_last_start() -> None:
    all_alive()
    long_ago, lately = (timezone.now() - timedelta(minutes=n) for n in (180, 1))
    waits(every(10), created_at=long_ago, started_at=lately, attempts=1)

    found = health.check()

    assert found.problems == []
    assert found.waiting.oldest_for
    assert found.waiting.oldest_for < timedelta(minutes=2)


def test_a_retry_that_is_to_come_later_does_not_wait() -> None:
    all_alive()
    long_ago, later = (timezone.now() + timedelta(hours=n) for n in (-1, 1))
    waits(every(10), created_at=long_ago, ring_after=later)

    found = health.check()

    assert (found.waiting.count, found.waiting.oldest_for) == (0, None)
    assert found.problems == []


def test_a_run_that_was_queued_waits_though_it_is_rung_again_later() -> None:
    waits(every(10), state="queued", ring_after=timezone.now() + timedelta(minutes=9))

    assert health.check().waiting.count == 1


def test_a_slot_that_was_not_sent_is_overdue() -> None:
    all_alive()
    task = every(10, name="Late one")
    past = timezone.now() - timedelta(minutes=2)
    Schedule.objects.filter(pk=task.pk).update(next_slot=past)

    assert problems() == "Overdue: Late one."


def test_where_no_beat_is_alive_what_is_overdue_is_not_a_second_trouble() -> None:
    heartbeats.record(WORKER, "worker-1")
    past = timezone.now() - timedelta(minutes=2)
    Schedule.objects.filter(pk=every(10).pk).update(next_slot=past)

    found = health.check()

    assert len(found.overdue) == 1
    assert len(found.problems) == 1


def test_failures_of_the_last_day_are_counted() -> None:
    task = every(10)
    now = timezone.now()
    for hours, state in ((1, "failed"), (2, "missed"), (3, "succeeded"), (25, "lost")):
        ran(task, state, at=now - timedelta(hours=hours))

    assert health.check().failures == 2


def test_open_incidents_are_a_trouble_and_closed_ones_are_not() -> None:
    all_alive()
    now = timezone.now()
    for subject, closed_at in (("Open one", None), ("Over", now)):
        Incident.objects.create(
            kind=Incident.Kind.FAILED,
            subject=subject,
            message="It failed.",
            opened_at=now,
            seen_at=now,
            closed_at=closed_at,
            mail_after=now,
        )

    found = health.check()

    assert [incident.subject for incident in found.incidents] == ["Open one"]
    assert found.problems[0].what == "1 incident still open."


def test_a_look_takes_six_queries_whatever_there_is(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    all_alive()
    past = timezone.now() - timedelta(minutes=2)
    for _ in range(7):
        Schedule.objects.filter(pk=every(10).pk).update(next_slot=past)

    with django_assert_num_queries(6):
        found = health.check()
        assert found.problems

    assert len(found.overdue) == health.MOST_NAMED
