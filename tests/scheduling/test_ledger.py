"""What the ledger lets a worker write, and what not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from scheduling import ledger, progress
from scheduling.ledger import Claim
from scheduling.models import Run, Schedule
from tests.scheduling.runs import make_run, note_rung

pytestmark = pytest.mark.django_db

WORKER = "celery@here/7"
NOW = timedelta(0)


def ago(**units: float) -> datetime:
    return timezone.now() - timedelta(**units)


def scheduled(name: str = "Nightly", **policy: Any) -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=1, period="days")
    task = PeriodicTask.objects.create(name=name, task="any", interval=interval)
    Schedule.objects.create(
        periodic_task=task, anchor=ago(days=1), changed_at=ago(days=1), **policy
    )
    return task


def claimed(run: Run | None = None) -> Claim:
    run = run or make_run()
    note_rung(run)
    claim = ledger.claim(run.pk, WORKER)
    assert claim is not None
    return claim


def taken_over(claim: Claim) -> Claim:
    """Let another worker have a run whose lease is thought to be out."""
    Run.objects.filter(pk=claim.run_id).update(
        state="pending", lease_until=None, rings=1
    )
    successor = ledger.claim(claim.run_id, "celery@there/8")
    assert successor is not None
    return successor


def row(claim: Claim) -> Run:
    return Run.objects.get(pk=claim.run_id)


@pytest.mark.parametrize("state", ["pending", "queued"])
def test_claim_takes_a_run_that_waits(state: str) -> None:
    run = make_run(state=state, progress_done=1, progress_total=2)

    claim = claimed(run)

    run.refresh_from_db()
    assert claim == Claim(run.pk, 1)
    assert (run.state, run.attempts, run.worker) == ("running", 1, WORKER)
    assert (run.progress_done, run.progress_total) == (None, None)
    assert run.started_at is not None
    assert run.lease_until is not None
    assert run.lease_until - run.started_at >= ledger.LEASE
    assert run.lease_until - run.started_at < ledger.LEASE + timedelta(seconds=1)


@pytest.mark.parametrize("state", ["succeeded", "failed", "skipped", "missed", "lost"])
def test_claim_leaves_a_run_that_is_over(state: str) -> None:
    run = make_run(state=state, finished_at=ago(hours=1), reason="So it was.")

    assert ledger.claim(run.pk, WORKER) is None

    run.refresh_from_db()
    assert (run.state, run.attempts, run.reason) == (state, 0, "So it was.")


def test_claim_leaves_a_run_that_another_has() -> None:
    claim = claimed()

    assert ledger.claim(claim.run_id, "celery@there/8") is None

    assert (row(claim).worker, row(claim).attempts) == (WORKER, 1)


def test_claim_of_a_run_that_is_gone_is_none() -> None:
    assert ledger.claim(uuid4(), WORKER) is None


def test_run_whose_deadline_has_passed_is_missed_and_not_run() -> None:
    run = make_run(deadline=ago(seconds=1))

    assert ledger.claim(run.pk, WORKER) is None

    run.refresh_from_db()
    assert (run.state, run.attempts) == ("missed", 0)
    assert run.reason == "No worker started it before its deadline."
    assert run.finished_at is not None


def test_run_before_its_deadline_is_run() -> None:
    run = make_run(deadline=ago(seconds=-60))

    assert ledger.claim(run.pk, WORKER) == Claim(run.pk, 1)


def test_run_waits_while_another_of_its_schedule_is_at_work() -> None:
    task = scheduled()
    first = make_run(periodic_task=task)
    second = make_run(periodic_task=task, state="queued", rings=3)
    claim = claimed(first)

    assert ledger.claim(second.pk, WORKER) is None

    second.refresh_from_db()
    assert (second.state, second.attempts, second.rings) == ("pending", 0, 0)
    assert second.ring_after is not None
    wait = (second.ring_after - timezone.now()).total_seconds()
    assert 3 < wait <= 5

    ledger.succeed(claim, None)
    assert ledger.claim(second.pk, WORKER) == Claim(second.pk, 1)


def test_runs_that_may_overlap_are_at_work_together() -> None:
    task = scheduled()
    first, second = (make_run(periodic_task=task, exclusive=False) for _ in "12")

    assert row(claimed(first)).state == "running"
    assert row(claimed(second)).state == "running"


def test_success_is_written_with_its_result() -> None:
    claim = claimed(make_run(error="last time", traceback="where"))

    assert ledger.succeed(claim, {"at": datetime(2026, 3, 29, tzinfo=UTC), "n": [1]})

    run = row(claim)
    assert (run.state, run.lease_until, run.error, run.traceback) == (
        "succeeded",
        None,
        "",
        "",
    )
    assert run.result == {"at": "2026-03-29T00:00:00Z", "n": [1]}
    assert run.finished_at is not None


def circular() -> list[Any]:
    itself: list[Any] = []
    itself.append(itself)
    return itself


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ("x" * Run.LARGEST_RESULT, "16,386 bytes, more than 16,384"),
        ("€" * 6000, "18,002 bytes"),
        (object(), "not JSON"),
        ({1, 2}, "not JSON"),
        (circular(), "not JSON"),
        ("a\ud800", "not JSON"),
        ("a\0b", "database cannot hold"),
        (float("nan"), "not JSON"),
    ],
    ids=["large", "large in bytes", "object", "set", "circle", "half", "nul", "nan"],
)
def test_result_that_cannot_be_kept_gives_way_to_a_note(
    result: object, why: str
) -> None:
    claim = claimed()

    assert ledger.succeed(claim, result)

    assert row(claim).state == "succeeded"
    assert why in row(claim).result["not_kept"]  # type: ignore[index] # the note


def test_result_of_just_the_largest_size_is_kept() -> None:
    claim = claimed()
    largest = "x" * (Run.LARGEST_RESULT - len('""'))

    ledger.succeed(claim, largest)

    assert row(claim).result == largest


def test_failure_is_written_with_both_ends_of_a_long_traceback() -> None:
    claim = claimed()

    assert ledger.fail(claim, "It \0 broke", "begin" + "x" * 100_000 + "end")

    run = row(claim)
    assert (run.state, run.error, run.lease_until) == ("failed", "It \\x00 broke", None)
    assert run.traceback.startswith("beginx")
    assert run.traceback.endswith("xend")
    assert "67,240 characters left out" in run.traceback
    assert run.finished_at is not None


def test_retry_waits_for_its_time_with_what_went_wrong() -> None:
    claim = claimed(make_run(rings=2))

    assert ledger.retry_later(claim, timedelta(minutes=5), error="not yet")

    run = row(claim)
    assert (run.state, run.attempts, run.rings) == ("pending", 1, 0)
    assert (run.error, run.lease_until, run.finished_at) == ("not yet", None, None)
    assert run.ring_after is not None
    assert 295 < (run.ring_after - timezone.now()).total_seconds() <= 300


def test_message_of_an_earlier_attempt_does_not_cut_short_the_wait() -> None:
    run = make_run(rings=3)
    ledger.retry_later(claimed(run), timedelta(minutes=5))

    assert ledger.claim(run.pk, "celery@there/8") is None
    note_rung(run)
    assert ledger.claim(run.pk, "celery@there/8") == Claim(run.pk, 2)


def test_retry_is_refused_after_as_many_attempts_as_the_schedule_allows() -> None:
    run = make_run(periodic_task=scheduled(max_attempts=2))

    assert ledger.retry_later(claimed(run), NOW)
    second = claimed(run)
    assert not ledger.retry_later(second, NOW)

    assert (row(second).state, row(second).attempts) == ("running", 2)


def test_run_without_a_schedule_has_three_attempts() -> None:
    run = make_run()

    assert [ledger.retry_later(claimed(run), NOW) for _ in range(3)] == [
        True,
        True,
        False,
    ]


def test_worker_thought_dead_writes_nothing_of_its_successors() -> None:
    stale = claimed()
    successor = taken_over(stale)

    assert not ledger.succeed(stale, "stale")
    assert not ledger.fail(stale, "stale")
    assert not ledger.retry_later(stale, NOW, error="stale")
    assert not ledger.progress(stale, 1, 2)
    assert not ledger.extend([(stale.run_id, WORKER)])

    run = row(successor)
    assert (run.state, run.attempts, run.worker) == ("running", 2, "celery@there/8")
    assert (run.result, run.error, run.progress_total) == (None, "", None)
    assert ledger.succeed(successor, "its own")
    assert row(successor).result == "its own"


def test_end_is_written_once() -> None:
    claim = claimed()
    ledger.fail(claim, "first")

    assert not ledger.succeed(claim, "second")

    assert (row(claim).state, row(claim).error) == ("failed", "first")


def test_leases_are_extended_for_those_who_hold_them() -> None:
    mine, over, others = claimed(), claimed(), claimed()
    ledger.succeed(over, None)
    soon = timezone.now() + timedelta(seconds=1)
    Run.objects.filter(state="running").update(lease_until=soon)

    extended = ledger.extend(
        [
            (mine.run_id, WORKER),
            (over.run_id, WORKER),
            (others.run_id, "celery@there/8"),
            (uuid4(), WORKER),
        ]
    )

    assert extended == 1
    assert row(mine).lease_until > soon + timedelta(seconds=50)  # type: ignore[operator]
    assert row(others).lease_until == soon
    assert row(over).lease_until is None
    assert ledger.extend([]) == 0


def test_holder_of_a_run_is_known_while_it_is_at_work() -> None:
    claim = claimed()

    assert ledger.held_by(claim.run_id, WORKER) == claim
    assert ledger.held_by(claim.run_id, "celery@there/8") is None
    ledger.succeed(claim, None)
    assert ledger.held_by(claim.run_id, WORKER) is None


def test_process_is_named_by_its_worker_and_number_however_long() -> None:
    assert ledger.process_name("celery@here", 7) == WORKER
    assert ledger.process_name("h" * 300, 4711).endswith("h/4711")
    assert len(ledger.process_name("h" * 300, 4711)) == 200


@pytest.mark.django_db(transaction=True)
def test_progress_is_written_once_a_second_and_at_the_end() -> None:
    claim = claimed()

    with progress.of(claim):
        progress.report(1, 10)
        progress.report(2, 10)
        assert (row(claim).progress_done, row(claim).progress_total) == (1, 10)

        progress.report(12, 10)

    assert (row(claim).progress_done, row(claim).progress_total) == (10, 10)


@pytest.mark.django_db(transaction=True)
def test_progress_outside_a_run_is_nobodys() -> None:
    claim = claimed()
    with progress.of(claim):
        pass

    progress.report(1, 1)

    assert row(claim).progress_total is None


def test_progress_within_a_transaction_locks_no_run() -> None:
    """The test is itself within one."""
    claim = claimed()

    with progress.of(claim):
        progress.report(1, 1)

    assert row(claim).progress_total is None
