"""The link between a worker and PostgreSQL is lost in the middle of a sweep."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import connection

from orders.models import AutoCloseRun
from tests.faults.backlog import (
    DUE,
    FIRST,
    ask_for_a_sweep,
    closed,
    ended,
    make_backlog,
    no_sweep_is_at_work,
    reach_the_second_batch,
    second_batch_held,
    somebody_waits_for_a_lock,
    sweep_again,
)
from tests.faults.invariants import all_is_done, books_agree
from tests.faults.own_servers import OwnPostgres
from tests.faults.proxy import Proxy
from tests.processes import OwnProcess
from tests.scheduling.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("own PostgreSQL"),
]
# What the worker and PostgreSQL may take to find out, with some seconds to spare.
NOTICED_WITHIN = 20


@pytest.fixture
def link(own_postgres: OwnPostgres) -> Iterator[Proxy]:
    with Proxy(own_postgres.port) as proxy:
        yield proxy


@pytest.fixture
def database_url(
    own_postgres: OwnPostgres,
    link: Proxy,
    transactional_db: None,  # noqa: ARG001 - what it empties is not this server
) -> Iterator[str]:
    """Return an address at the far end of the link; this process has the near one."""
    with own_postgres.new_database() as name:
        yield own_postgres.url(name, port=link.port)


def test_both_ends_notice_a_link_lost_in_a_batch_and_the_next_sweep_does_the_rest(
    celery_worker: OwnProcess, link: Proxy, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url)
        run = reach_the_second_batch()
        link.cut()

    lost_at = time.monotonic()
    until(no_sweep_is_at_work, seconds=NOTICED_WITHIN)
    left = NOTICED_WITHIN - (time.monotonic() - lost_at)
    celery_worker.wait_until_it_says("autoclose_interrupted", seconds=left)
    assert closed() == FIRST
    assert books_agree()
    link.mend()
    until(lambda: ended(run), seconds=60)
    assert (run.state, run.stopped_by) == ("partial", "database")

    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", DUE - FIRST)
    assert all_is_done()


def test_link_lost_between_batches_does_not_keep_the_next_sweep_waiting(
    celery_worker: OwnProcess, link: Proxy, redis_url: str
) -> None:
    make_backlog()
    policies = connection.copy()
    with policies.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE orders_closepolicy")
        ask_for_a_sweep(redis_url)
        until(somebody_waits_for_a_lock, seconds=60)
        link.cut()
    policies.close()

    until(no_sweep_is_at_work, seconds=NOTICED_WITHIN)
    link.mend()
    celery_worker.wait_until_it_says("autoclose_interrupted")
    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", DUE)
    assert AutoCloseRun.objects.get(stopped_by="database").summary["changed"] == 0
    assert all_is_done()
