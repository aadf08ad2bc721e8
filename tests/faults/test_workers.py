"""Workers that are killed, or told to stop, in the middle of a sweep."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from orders.models import AutoCloseRun
from tests.faults.backlog import (
    DUE,
    FIRST,
    SECOND,
    ask_for_a_sweep,
    closed,
    ended,
    make_backlog,
    reach_the_second_batch,
    second_batch_held,
    sweep_again,
)
from tests.faults.invariants import all_is_done, books_agree
from tests.processes import OwnProcess, StartCelery
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def child_of(worker: OwnProcess) -> int:
    """Return the process of a worker in which its tasks run."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    (child,) = children.read_text().split()
    return int(child)


def is_gone(process: int) -> bool:
    """Return whether a process has ended, whoever has to ask how."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def test_killed_child_leaves_the_rest_to_the_next_sweep(
    celery_worker: OwnProcess, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url)
        run = reach_the_second_batch()

        os.kill(child_of(celery_worker), signal.SIGKILL)
        celery_worker.wait_until_it_says("WorkerLostError")

    assert closed() == FIRST
    assert books_agree()

    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", DUE - FIRST)
    run.refresh_from_db()
    assert (run.state, run.summary) == ("failed", {})
    assert all_is_done()


def test_killed_worker_leaves_the_rest_to_the_next_sweep_of_another(
    celery_worker: OwnProcess, start_celery: StartCelery, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url)
        run = reach_the_second_batch()

        child = child_of(celery_worker)
        celery_worker.kill()
        until(lambda: is_gone(child), seconds=60)

    assert closed() == FIRST
    assert books_agree()

    start_celery("worker", "--concurrency=1")
    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", DUE - FIRST)
    run.refresh_from_db()
    assert (run.state, run.summary) == ("failed", {})
    assert all_is_done()


def test_worker_asked_to_stop_ends_its_batch_and_another_does_the_rest(
    celery_worker: OwnProcess, start_celery: StartCelery, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url)
        run = reach_the_second_batch()

        celery_worker.ask_to_stop()

        celery_worker.wait_until_it_says("Warm shutdown")

    assert celery_worker.exit_code() == 0
    run.refresh_from_db()
    assert (run.state, run.stopped_by) == ("partial", "shutdown")
    assert run.summary["changed"] == closed() == FIRST + SECOND
    assert books_agree()
    follow_up = AutoCloseRun.objects.get(trigger="follow_up")
    assert (follow_up.state, follow_up.cutoff) == ("queued", run.cutoff)

    start_celery("worker", "--concurrency=1")

    until(lambda: ended(follow_up), seconds=60)
    assert follow_up.summary["changed"] == DUE - FIRST - SECOND
    assert all_is_done()


def two_have_given_way() -> bool:
    return AutoCloseRun.objects.filter(state="already_running").count() >= 2


def test_message_delivered_ten_times_closes_each_order_once(
    start_celery: StartCelery, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url, times=10)
        start_celery("worker", "--concurrency=3")
        reach_the_second_batch()
        until(two_have_given_way, seconds=60)

    def all_have_ended() -> bool:
        return AutoCloseRun.objects.filter(finished_at__isnull=False).count() == 10

    until(all_have_ended, seconds=60)
    assert closed() == DUE
    assert sum(run.summary["changed"] for run in AutoCloseRun.objects.all()) == DUE
    assert all_is_done()
