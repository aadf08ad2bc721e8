"""PostgreSQL restarts, goes away or ends all connections while slots come."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from scheduling.models import Run
from tests.faults.clock import (
    Clock,
    Series,
    each_ran,
    one_at_a_time,
    reaches,
    ring_now,
    stop,
)
from tests.faults.own_servers import OwnPostgres
from tests.faults.test_database import end_every_other_connection
from tests.scheduling.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("own PostgreSQL"),
]

AWAY_SECONDS = 8


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """Return the address of a database on a server that may be restarted."""
    return own_database_url


def two_series(clock: Clock, *, every: int = 1) -> tuple[Series, Series]:
    """Start two beats and a worker, and return schedules that they are at work on.

    They have a slot every so many seconds.
    """
    clock.worker()
    clock.beat()
    clock.beat()
    queued = clock.series(every=every, catch_up="all", overlap="queue")
    beside = clock.series(every=every, catch_up="all", overlap="allow")
    until(reaches(queued.task, "succeeded"), seconds=60)
    return queued, beside


def go_on(series: Series) -> None:
    """Wait until beats and workers are at it again, however often it was rung."""
    connection.close()
    done = Run.objects.filter(periodic_task=series.task, state="succeeded").count()
    ring_now()
    until(reaches(series.task, "succeeded", count=done + 2), seconds=60)


def all_ran(clock: Clock, queued: Series, beside: Series) -> bool:
    stop(queued, beside)
    bodies = clock.bodies()
    assert one_at_a_time(queued.task, bodies)
    return each_ran(queued, bodies) and each_ran(beside, bodies)


def test_slots_run_once_though_the_database_restarts_and_ends_all_connections(
    clock: Clock, own_postgres: OwnPostgres
) -> None:
    queued, beside = two_series(clock)

    own_postgres.restart("fast")
    go_on(queued)
    own_postgres.restart("immediate")
    go_on(queued)
    for _ in range(3):
        end_every_other_connection()
        time.sleep(1)
    go_on(queued)

    assert all_ran(clock, queued, beside)


def test_slots_that_came_while_the_database_was_away_run_once_when_it_is_back(
    clock: Clock, own_postgres: OwnPostgres
) -> None:
    queued, beside = two_series(clock)

    own_postgres.stop()
    time.sleep(AWAY_SECONDS)
    own_postgres.start_again()
    go_on(queued)

    assert all_ran(clock, queued, beside)
    assert len(beside.slots) > AWAY_SECONDS
    for beat in clock.beats:
        assert beat.has_said("database_away")
        beat.ask_to_stop()
        assert beat.exit_code() == 0
