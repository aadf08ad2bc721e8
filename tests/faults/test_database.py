"""PostgreSQL goes away in the middle of a sweep, and comes back."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.faults.backlog import (
    DUE,
    FIRST,
    ask_for_a_sweep,
    closed,
    ended,
    make_backlog,
    reach_the_second_batch,
    second_batch_held,
    sweep_again,
)
from tests.faults.invariants import all_is_done, books_agree
from tests.faults.own_servers import OwnPostgres
from tests.processes import OwnProcess
from tests.scheduling.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("own PostgreSQL"),
]


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """Return the address of a database on a server that may be restarted."""
    return own_database_url


def end_every_other_connection() -> None:
    """End first who waits for a lock, lest another's end gives it to them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM"
            " (SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
            " ORDER BY wait_event_type IS DISTINCT FROM 'Lock') others"
        )


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restart_ends_the_sweep_as_partial_and_the_next_does_the_rest(
    own_postgres: OwnPostgres, celery_worker: OwnProcess, redis_url: str, mode: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url)
        run = reach_the_second_batch()

        own_postgres.restart(mode)
    connection.close()

    until(lambda: ended(run), seconds=60)
    assert (run.state, run.stopped_by) == ("partial", "database")
    assert closed() == FIRST
    assert books_agree()

    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", DUE - FIRST)
    assert all_is_done()
    assert celery_worker.has_said("autoclose_interrupted")


def test_every_connection_ended_leaves_the_rest_to_the_next_sweep(
    celery_worker: OwnProcess, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url)
        run = reach_the_second_batch()

        end_every_other_connection()

    until(lambda: ended(run), seconds=60)
    assert (run.state, run.stopped_by) == ("partial", "database")
    assert closed() == FIRST
    assert books_agree()

    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", DUE - FIRST)
    assert all_is_done()
    assert celery_worker.has_said("autoclose_interrupted")
