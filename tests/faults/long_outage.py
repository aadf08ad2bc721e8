"""Faults that outlast what a sweep waits for: `make faults-full`, not `make test`."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from orders.autoclose.sweep import RECONNECTS
from tests.faults.backlog import (
    DUE,
    FIRST,
    ask_for_a_sweep,
    closed,
    make_backlog,
    reach_the_second_batch,
    second_batch_held,
    sweep_again,
)
from tests.faults.invariants import all_is_done, books_agree
from tests.faults.own_servers import OwnPostgres
from tests.processes import OwnProcess

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """Return the address of a database on a server that may be stopped."""
    return own_database_url


def test_database_away_for_75_seconds_fails_the_sweep_and_the_next_buries_it(
    own_postgres: OwnPostgres, celery_worker: OwnProcess, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url)
        run = reach_the_second_batch()

        own_postgres.stop()
    connection.close()
    stopped_at = time.monotonic()
    celery_worker.wait_until_it_says("raised unexpected", seconds=RECONNECTS + 30)
    time.sleep(max(0, stopped_at + 75 - time.monotonic()))
    own_postgres.start_again()

    run.refresh_from_db()
    assert (run.state, closed()) == ("running", FIRST)
    assert books_agree()

    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", DUE - FIRST)
    run.refresh_from_db()
    assert (run.state, run.summary) == ("failed", {})
    assert all_is_done()
