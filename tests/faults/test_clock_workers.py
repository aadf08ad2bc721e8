"""Workers die, or seem to, in the middle of a run; messages come ten times."""

from __future__ import annotations

import os
import signal

import pytest

from scheduling.models import Run
from tests.faults.clock import (
    Clock,
    Series,
    account,
    each_ran,
    end_leases,
    none_is_open,
    one_at_a_time,
    reaches,
    stop,
)
from tests.scheduling.runs import ring
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def at_work(clock: Clock, *, bodies: int = 1) -> bool:
    """Return whether the last of so many bodies has begun and not ended."""
    begun = clock.bodies()
    return len(begun) == bodies and begun[-1].ended is None


def one_slot(clock: Clock, *, body: float) -> Series:
    return clock.series(every=3600, body=body)


def test_runs_of_a_killed_worker_come_back_and_succeed_in_another(clock: Clock) -> None:
    clock.beat()
    killed = clock.worker(concurrency=2)
    series = [one_slot(clock, body=4) for _ in range(2)]
    until(lambda: len(clock.bodies()) == 2)

    os.killpg(killed.pid, signal.SIGKILL)
    killed.kill()
    clock.worker(concurrency=2)
    end_leases()

    until(none_is_open)
    stop(*series)
    bodies = clock.bodies()
    assert all(each_ran(one, bodies) for one in series)
    assert set(Run.objects.values_list("attempts", flat=True)) == {2}


def test_run_whose_process_is_killed_comes_back_and_is_lost_after_its_attempts(
    clock: Clock,
) -> None:
    clock.beat()
    worker = clock.worker(concurrency=1)
    series = clock.series(
        every=5, body=1, overlap="queue", catch_up="all", max_attempts=2
    )
    until(lambda: at_work(clock, bodies=1))
    lost = kill_process_of(clock)
    until(lambda: at_work(clock, bodies=2))
    assert kill_process_of(clock) == lost
    until(lambda: at_work(clock, bodies=3))
    back = kill_process_of(clock)
    worker.wait_until_it_says("WorkerLostError")

    until(reaches(series.task, "succeeded"))
    stop(series)
    counts = account(series.task, series.slots, clock.bodies())
    assert counts == {"lost": 1, "succeeded": len(series.slots) - 1}
    lost.refresh_from_db()
    assert (lost.slot, lost.state) == (series.first, "lost")
    assert lost.reason == "Its worker died, or lost the database, in attempt 2 of 2."
    back.refresh_from_db()
    assert (back.state, back.attempts) == ("succeeded", 2)
    assert back.reason == "The worker of attempt 1 died, or lost the database."


def kill_process_of(clock: Clock) -> Run:
    """Kill the process that has the only run at work; return the run, its lease out."""
    run = Run.objects.get(state="running")
    child = int(run.worker.rpartition("/")[2])
    assert clock.bodies()[-1].process == str(child)
    os.kill(child, signal.SIGKILL)
    end_leases()
    return run


def test_worker_that_wakes_after_its_lease_changes_nothing_of_its_successors_run(
    clock: Clock,
) -> None:
    clock.beat()
    asleep = clock.worker(concurrency=1)
    series = one_slot(clock, body=2)
    until(lambda: at_work(clock))

    os.killpg(asleep.pid, signal.SIGSTOP)
    other = clock.worker(concurrency=1)
    end_leases()
    until(reaches(series.task, "succeeded"))
    successful = Run.objects.values().get()
    os.killpg(asleep.pid, signal.SIGCONT)

    asleep.wait_until_it_says("run_success_not_recorded")
    stop(series)
    assert each_ran(series, clock.bodies())
    assert Run.objects.values().get() == successful
    assert (successful["attempts"], len(clock.bodies())) == (2, 2)
    assert not other.has_said("Traceback")


def test_message_that_comes_ten_times_runs_its_slot_once(clock: Clock) -> None:
    clock.beat()
    series = clock.series(overlap="queue", catch_up="all", body=0.2)
    until(reaches(series.task, "queued"), seconds=60)
    until(lambda: Run.objects.filter(periodic_task=series.task).count() >= 4)

    for run in Run.objects.filter(periodic_task=series.task):
        ring(run, times=10)
    clock.worker(concurrency=4)
    until(reaches(series.task, "succeeded", count=6), seconds=60)

    stop(series)
    bodies = clock.bodies()
    assert each_ran(series, bodies)
    assert one_at_a_time(series.task, bodies)
    assert set(Run.objects.values_list("attempts", flat=True)) == {1}
