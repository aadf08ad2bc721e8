"""PostgreSQL is away when a run begins, goes on or ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from scheduling.models import Heartbeat
from tests.faults.own_servers import OwnPostgres
from tests.processes import StartCelery
from tests.scheduling.runs import make_run, note_rung, ring, send, start_worker
from tests.scheduling.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("own PostgreSQL"),
]


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """Return the address of a database on a server that may be restarted."""
    return own_database_url


@pytest.mark.parametrize(
    ("task", "state", "error", "said"),
    [
        ("outlast", "succeeded", "", "succeeded in"),
        ("outlast_and_fail", "failed", "LookupError: nothing there", "nothing there"),
    ],
)
def test_end_of_a_run_waits_for_the_database(
    own_postgres: OwnPostgres,
    start_celery: StartCelery,
    tmp_path: Path,
    task: str,
    state: str,
    error: str,
    said: str,
) -> None:
    worker = start_worker(start_celery)
    started, may_end = tmp_path / "started", tmp_path / "may end"
    run = make_run(task, kwargs={"started": str(started), "may_end": str(may_end)})
    ring(run)
    until(started.exists)

    own_postgres.stop()
    try:
        may_end.touch()
        worker.wait_until_it_says("run_waits_to_be_recorded")
    finally:
        own_postgres.start_again()
    connection.close()

    def is_recorded() -> bool:
        run.refresh_from_db()
        return run.state != "running"

    until(is_recorded)
    assert (run.state, run.attempts, run.error) == (state, 1, error)
    worker.wait_until_it_says(said)
    assert worker.has_said("nothing there") == bool(error)


def test_worker_is_seen_again_once_the_database_is_back(
    own_postgres: OwnPostgres, start_celery: StartCelery
) -> None:
    worker = start_worker(start_celery)
    until(Heartbeat.objects.exists)

    own_postgres.stop()
    try:
        worker.wait_until_it_says("loop=leases")
    finally:
        own_postgres.start_again()
    connection.close()
    Heartbeat.objects.all().delete()

    until(Heartbeat.objects.exists)


def test_message_that_cannot_claim_leaves_its_run_to_another(
    own_postgres: OwnPostgres, start_celery: StartCelery
) -> None:
    worker = start_worker(start_celery)
    run = make_run()
    note_rung(run)

    own_postgres.stop()
    try:
        send(run)
        worker.wait_until_it_says("run_not_claimed")
    finally:
        own_postgres.start_again()
    connection.close()
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("pending", 0)

    ring(run)

    def has_succeeded() -> bool:
        run.refresh_from_db()
        return run.state == "succeeded"

    until(has_succeeded)
