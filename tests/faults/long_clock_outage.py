"""PostgreSQL is away for minutes: `make faults-full`, not `make test`."""

from __future__ import annotations

import time

import pytest

from tests.faults.clock import Clock
from tests.faults.own_servers import OwnPostgres
from tests.faults.test_clock_database import all_ran, go_on, two_series

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("own PostgreSQL"),
]


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """Return the address of a database on a server that may be stopped."""
    return own_database_url


# No more slots than may be caught up at once: a hundred.
@pytest.mark.parametrize(("seconds", "every"), [(75, 1), (300, 5)])
def test_beats_and_workers_wait_for_the_database_and_run_all_slots(
    clock: Clock, own_postgres: OwnPostgres, seconds: int, every: int
) -> None:
    queued, beside = two_series(clock, every=every)

    own_postgres.stop()
    time.sleep(seconds)
    own_postgres.start_again()
    go_on(queued)

    assert all_ran(clock, queued, beside)
