"""Tasks for a worker under test: `--include tests.scheduling.clock_tasks`."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from celery import Task, shared_task
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from django.db import connection

from scheduling import progress
from scheduling.registry import schedulable


@schedulable()
@shared_task
def answer(number: int = 42) -> dict[str, int]:
    return {"answer": number}


@schedulable()
@shared_task
def name_slot(slot: datetime | None = None) -> str:
    return f"{type(slot).__name__} {slot.isoformat() if slot else '-'}"


@schedulable()
@shared_task
def break_down() -> None:
    raise LookupError("no\0thing \udc80")


@schedulable()
@shared_task
def return_something(what: str) -> Any:
    """Return what no row can hold as it is."""
    return {"object": object(), "large": "x" * 20_000, "nul": "a\0b"}[what]


@schedulable()
@shared_task
def write_line(path: str, seconds: float = 0.0) -> None:
    """Leave a trace of the body, and take a while."""
    with Path(path).open("a") as file:
        file.write("at work\n")
    time.sleep(seconds)


@schedulable()
@shared_task
def outlast(started: str, may_end: str) -> str:
    """Go on for as long as the test likes."""
    Path(started).touch()
    while not Path(may_end).exists():
        time.sleep(0.05)
    return "there"


@schedulable()
@shared_task
def outlast_and_fail(started: str, may_end: str) -> None:
    outlast(started, may_end)
    raise LookupError("nothing there")


@schedulable()
@shared_task
def spin(path: str) -> None:
    """Hold the interpreter where no signal and no other thread gets a word in."""
    Path(path).touch()
    sum(range(10**15))


@schedulable()
@shared_task
def outstay(path: str) -> str:
    """Go on until the soft time limit, and clean up."""
    try:
        while True:
            time.sleep(0.1)
    except SoftTimeLimitExceeded:
        Path(path).touch()
        raise


@schedulable()
@shared_task(bind=True)
def succeed_in_attempt(
    self: Task[Any, Any], attempt: int, countdown: float = 0.0
) -> int:
    if self.request.retries + 1 < attempt:
        raise self.retry(countdown=countdown, exc=ConnectionError("not yet"))
    return self.request.retries + 1


@schedulable()
@shared_task(autoretry_for=(ConnectionError,), default_retry_delay=0)
def succeed_once_written(path: str) -> str:
    """Fail in a way that Celery retries by itself, until there is such a file."""
    if not Path(path).exists():
        Path(path).touch()
        raise ConnectionError("nobody there")
    return "there"


@schedulable()
@shared_task
def turn_away(how: str) -> None:
    raise {"ignore": Ignore(), "reject": Reject("no"), "requeue": Reject("no", True)}[
        how
    ]


@schedulable()
@shared_task
def count_to(total: int) -> int:
    for done in range(1, total + 1):
        progress.report(done, total)
    return total


@schedulable()
@shared_task
def lose_connection() -> str:
    """Leave a connection behind that the server has closed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    own = connection.copy()
    with own.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    own.close()
    return "lost"
