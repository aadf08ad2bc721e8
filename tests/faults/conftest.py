"""Servers for faults, started once and gone with all that was made for them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from pytest_django.plugin import DjangoDbBlocker

from embedded.layout import Layout, prepare
from embedded.pids import adopt_orphans
from embedded.remove import remove
from tests.faults import comparison
from tests.faults.clock import Clock
from tests.faults.own_servers import OwnPostgres, OwnRedis
from tests.processes import StartProcess


@pytest.fixture(scope="session")
def own_layout() -> Iterator[Layout]:
    """Return a run directory of these tests' own."""
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="desk-") as parent:
        layout = prepare(Path(parent).resolve() / "run")
        yield layout
        assert remove(layout.run_dir), "something still uses the servers"


@pytest.fixture(scope="session")
def own_postgres(
    own_layout: Layout,
    django_db_setup: None,  # noqa: ARG001 - it would set up on this server else
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[OwnPostgres]:
    """Return a PostgreSQL that a test may do anything to."""
    server = OwnPostgres(own_layout)
    with django_db_blocker.unblock():
        server.start()
    yield server
    server.end()


@pytest.fixture
def own_database_url(
    own_postgres: OwnPostgres,
    transactional_db: None,  # noqa: ARG001 - what it empties is not this server
) -> Iterator[str]:
    """Return the address of a database on a server that a test may do anything to."""
    with own_postgres.new_database() as name:
        yield own_postgres.url(name)


@pytest.fixture
def own_redis(own_layout: Layout) -> Iterator[OwnRedis]:
    """Return a Redis that a test may do anything to."""
    server = OwnRedis(own_layout)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def clock(start_process: StartProcess, tmp_path: Path) -> Clock:
    """Start beats and workers on the test's servers; they end with the test."""
    return Clock(start_process, tmp_path / "trace")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the table that the comparison with the stock scheduler has made."""
    table = comparison.table(
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if report.when == "call" and name == comparison.PROPERTY
    )
    if table:
        terminalreporter.section("faults of the clock")
        terminalreporter.write_line(table)
