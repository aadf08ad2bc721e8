"""A task whose bodies leave a trace that no database and no broker can lose."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta

from celery import Task, shared_task

from scheduling.registry import schedulable


@schedulable(min_interval=timedelta(seconds=1))
@shared_task(bind=True)
def work(
    self: Task[..., None],
    trace: str,
    seconds: float = 0.0,
    slot: datetime | None = None,
) -> None:
    """Say in a file that a body begins, and that it ends."""
    words = f"{self.request.id} {os.getpid()} {slot.isoformat() if slot else '-'}"
    _append(trace, f"begin {words}\n")
    time.sleep(seconds)
    _append(trace, f"end {words}\n")


def _append(trace: str, line: str) -> None:
    """Write a line as a whole, whoever else writes: the order of lines is time's."""
    file = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
