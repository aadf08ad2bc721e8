"""Runs in a worker of their own, from the message to the row."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from redis import Redis

from scheduling.models import Heartbeat, Run
from tests.processes import OwnProcess, StartCelery
from tests.scheduling.runs import TASKS, make_run, ring, start_worker
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

SLOT = datetime(2026, 8, 31, 22, 0, tzinfo=UTC)


@pytest.fixture
def worker(start_celery: StartCelery) -> OwnProcess:
    return start_worker(start_celery)


def in_state(run: Run, *states: str) -> Callable[[], bool]:
    def is_so() -> bool:
        run.refresh_from_db()
        return run.state in states

    return is_so


def back_after(run: Run, attempts: int) -> Callable[[], bool]:
    """Say whether a run waits again, having been started so often."""

    def is_so() -> bool:
        run.refresh_from_db()
        return (run.state, run.attempts) == ("pending", attempts)

    return is_so


def finish(run: Run, **options: Any) -> Run:
    """Ring for a run, and wait for its end."""
    ring(run, **options)
    until(in_state(run, "succeeded", "failed"))
    return run


def lease_left(run: Run) -> float:
    """Return for how many seconds the database will still count on the worker."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(epoch FROM lease_until - clock_timestamp())"
            " FROM scheduling_run WHERE id = %s",
            [run.pk],
        )
        (seconds,) = cursor.fetchone()
    return float(seconds)


def traces(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.usefixtures("worker")
def test_runs_end_as_their_bodies_do() -> None:
    """One worker for all of them: to start one takes seconds."""
    done = finish(make_run("answer", kwargs={"number": 7}))
    assert (done.state, done.result) == ("succeeded", {"answer": 7})
    assert (done.attempts, done.lease_until, done.error) == (1, None, "")
    assert done.started_at <= done.finished_at  # type: ignore[operator]
    assert done.worker.startswith("celery@")

    broken = finish(make_run("break_down"))
    assert (broken.state, broken.error) == (
        "failed",
        "LookupError: no\\x00thing \\udc80",
    )
    assert "raise LookupError(" in broken.traceback
    assert "scheduling/worker.py" not in broken.traceback
    assert (broken.finished_at is None, broken.lease_until) == (False, None)

    unfit = finish(make_run("answer", kwargs={"colour": "red"}))
    assert (unfit.state, "colour" in unfit.error) == ("failed", True)

    cut_off = finish(make_run("lose_connection"))
    assert (cut_off.state, cut_off.result) == ("succeeded", "lost")

    ignored = finish(make_run("turn_away", kwargs={"how": "ignore"}))
    assert (ignored.state, ignored.result) == ("succeeded", None)

    rejected = finish(make_run("turn_away", kwargs={"how": "reject"}))
    assert (rejected.state, "Reject" in rejected.error) == ("failed", True)

    sent_back = make_run("turn_away", kwargs={"how": "requeue"})
    ring(sent_back)
    until(back_after(sent_back, 1))

    counted = finish(make_run("count_to", kwargs={"total": 1000}))
    assert (counted.progress_done, counted.progress_total) == (1000, 1000)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("what", "why"),
    [("object", "not JSON"), ("large", "20,002 bytes"), ("nul", "cannot hold")],
)
def test_result_that_no_row_can_hold_is_replaced_by_a_note(what: str, why: str) -> None:
    run = finish(make_run("return_something", kwargs={"what": what}))

    assert run.state == "succeeded"
    assert run.result is not None
    assert why in run.result["not_kept"]


@pytest.mark.usefixtures("worker")
def test_body_is_given_its_slot_and_none_by_hand() -> None:
    by_clock = finish(make_run("name_slot", slot=SLOT))
    by_hand = finish(make_run("name_slot"))

    assert by_clock.result == "datetime 2026-08-31T22:00:00+00:00"
    assert by_hand.result == "NoneType -"


@pytest.mark.usefixtures("worker")
def test_retry_comes_back_as_the_same_row(tmp_path: Path) -> None:
    run = make_run("succeed_in_attempt", kwargs={"attempt": 2, "countdown": 30})
    ring(run)
    until(back_after(run, 1))
    assert run.error == "ConnectionError: not yet"
    assert run.ring_after is not None
    assert run.started_at is not None
    assert timedelta(seconds=29) < run.ring_after - run.started_at
    assert run.ring_after - run.started_at < timedelta(seconds=60)

    finish(run)

    assert (run.state, run.attempts, run.result, run.error) == ("succeeded", 2, 2, "")

    by_itself = make_run("succeed_once_written", kwargs={"path": str(tmp_path / "x")})
    ring(by_itself)
    until(back_after(by_itself, 1))
    finish(by_itself)
    assert (by_itself.attempts, by_itself.result) == (2, "there")
    assert Run.objects.count() == 2


@pytest.mark.usefixtures("worker")
def test_run_fails_with_the_reason_once_it_has_had_its_attempts() -> None:
    run = make_run("succeed_in_attempt", kwargs={"attempt": 9})
    for attempts in (1, 2):
        ring(run)
        until(back_after(run, attempts))
    finish(run)

    assert (run.state, run.attempts) == ("failed", 3)
    assert run.error == "ConnectionError: not yet"


def test_message_delivered_ten_times_runs_once(
    start_celery: StartCelery, tmp_path: Path, redis_url: str
) -> None:
    trace = tmp_path / "trace"
    run = make_run("write_line", kwargs={"path": str(trace), "seconds": 0.5})
    ring(run, times=10)

    start_worker(start_celery, "--concurrency=3")
    until(in_state(run, "succeeded"))
    until(lambda: is_idle(redis_url))

    assert (traces(trace), run.attempts) == (1, 1)


def is_idle(redis_url: str) -> bool:
    """Return whether all messages were taken and acknowledged."""
    with Redis.from_url(redis_url) as broker:
        return not broker.llen("celery") and not broker.hlen("unacked")


@pytest.mark.usefixtures("worker")
def test_task_sent_by_hand_runs_without_a_row(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    current_app.send_task(f"{TASKS}.write_line", kwargs={"path": str(trace)})

    until(trace.exists)
    assert not Run.objects.exists()


@pytest.mark.usefixtures("worker")
def test_hard_time_limit_fails_a_body_that_hears_nothing(tmp_path: Path) -> None:
    started = tmp_path / "started"
    run = make_run("spin", kwargs={"path": str(started)})

    finish(run, time_limit=2, soft_time_limit=1)

    assert started.exists()
    assert run.state == "failed"
    assert run.error == "It was killed: it went on beyond its time limit, 2 s."
    assert finish(make_run()).state == "succeeded"


@pytest.mark.usefixtures("worker")
def test_soft_time_limit_lets_a_body_clean_up_and_fails_it(tmp_path: Path) -> None:
    cleaned = tmp_path / "cleaned"

    run = finish(
        make_run("outstay", kwargs={"path": str(cleaned)}),
        time_limit=30,
        soft_time_limit=1,
    )

    assert cleaned.exists()
    assert run.state == "failed"
    assert run.error == "It was stopped: its time limit was reached."
    assert "outstay" in run.traceback


def next_turn(worker: OwnProcess) -> None:
    """Wait for the next turn of the thread that keeps the leases."""
    seen_at = worker_seen_at()
    until(lambda: worker_seen_at() > seen_at, seconds=40)
    assert not worker.has_said("loop_failed")


def worker_seen_at() -> datetime:
    return Heartbeat.objects.get(kind="worker").seen_at


def test_lease_is_extended_while_a_body_spins_and_not_once_its_process_is_dead(
    start_celery: StartCelery, tmp_path: Path
) -> None:
    worker = start_worker(start_celery, "--concurrency=2")
    spinning, killed = (
        make_run("spin", kwargs={"path": str(tmp_path / name)}) for name in "sk"
    )
    for run in (spinning, killed):
        ring(run)
        until(Path(run.kwargs["path"]).exists)
        run.refresh_from_db()
    leases = spinning.lease_until, killed.lease_until

    os.kill(int(killed.worker.rpartition("/")[2]), signal.SIGKILL)
    worker.wait_until_it_says("WorkerLostError")
    next_turn(worker)

    spinning.refresh_from_db()
    killed.refresh_from_db()
    assert (spinning.state, killed.state) == ("running", "running")
    assert spinning.lease_until != leases[0]
    assert lease_left(spinning) > 50
    assert killed.lease_until == leases[1]


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_runs_are_run_in_other_pools_too(start_celery: StartCelery, pool: str) -> None:
    start_worker(start_celery, f"--pool={pool}", "--concurrency=2")
    runs = [make_run(kwargs={"number": number}) for number in range(4)]

    for run in runs:
        ring(run, times=2)
    for run in runs:
        until(in_state(run, "succeeded"))

    assert [run.result for run in runs] == [{"answer": number} for number in range(4)]
    assert {run.attempts for run in runs} == {1}


def test_worker_asked_to_stop_keeps_its_leases_to_the_end_of_its_last_task(
    start_celery: StartCelery, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    worker = start_worker(start_celery)
    (heart,) = Heartbeat.objects.all()
    assert (heart.kind, heart.name.endswith(f"/{worker.pid}")) == ("worker", True)
    run = make_run("write_line", kwargs={"path": str(trace), "seconds": 22})
    ring(run)
    until(trace.exists)
    run.refresh_from_db()
    lease = run.lease_until

    worker.ask_to_stop()

    worker.wait_until_it_says("Warm shutdown")
    next_turn(worker)
    run.refresh_from_db()
    assert (run.state, run.lease_until == lease) == ("running", False)
    assert worker.exit_code() == 0
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert not Heartbeat.objects.exists()
