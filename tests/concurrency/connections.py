"""Work on database connections of its own, each closed with its thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, TypeVar

from django.db import connection

Result = TypeVar("Result")
Start = Callable[..., "Future[Any]"]
#: No test waits so long unless something hangs.
PATIENCE = 60


@contextmanager
def colleague() -> Iterator[Start]:
    """Yield a function that starts work on one other connection."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda work, *args, **kwargs: pool.submit(
            _on_own_connection, work, *args, **kwargs
        )


def at_once(*jobs: Callable[[], Result]) -> list[Result]:
    """Run jobs on a connection each, let go together; return what they return."""
    together = Barrier(len(jobs), timeout=PATIENCE)

    def begin(job: Callable[[], Result]) -> Result:
        connection.ensure_connection()
        together.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        started = [pool.submit(_on_own_connection, begin, job) for job in jobs]
        return [future.result(PATIENCE) for future in started]


def deadlocks() -> int:
    """Return how many deadlocks this database has seen.

    A connection reports what it saw when it is closed, at the latest.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        (count,) = cursor.fetchone()
    return int(count)


def _on_own_connection(
    work: Callable[..., Result], *args: object, **kwargs: object
) -> Result:
    try:
        return work(*args, **kwargs)
    finally:
        connection.close()
