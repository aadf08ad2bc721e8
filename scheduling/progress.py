"""How far a run is, told by the body of its task."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import connection

from scheduling import ledger

EVERY_SECONDS = 1.0


@dataclass(slots=True)
class _Reported:
    claim: ledger.Claim
    at: float = float("-inf")


_run: ContextVar[_Reported | None] = ContextVar("scheduling.progress", default=None)


def report(done: int, total: int) -> None:
    """Say that ``done`` of ``total`` are done, for staff to see on the run.

    Cheap enough for every turn of a loop: written once a second at most, and the last
    one always. Outside a run of the clock it does nothing, nor within a transaction,
    which would hide it until its end and keep the run's row locked.
    """
    run = _run.get()
    if run is None or connection.in_atomic_block:
        return
    now = time.monotonic()
    if now < run.at + EVERY_SECONDS and done < total:
        return
    run.at = now
    total = max(total, 0)
    ledger.progress(run.claim, max(0, min(done, total)), total)


@contextmanager
def of(claim: ledger.Claim) -> Iterator[None]:
    """Have what is reported within stand for this run."""
    token = _run.set(_Reported(claim))
    try:
        yield
    finally:
        _run.reset(token)
