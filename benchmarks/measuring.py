"""Measure what an arm takes: processor time on both sides, time, memory, locks' time.

Read from Linux's /proc: the client's own process, and its PostgreSQL backend.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from django.db import connection

from .dataset import connected_to

Result = TypeVar("Result")


@dataclass(frozen=True)
class Usage:
    """Seconds: of processor time on either side, and by the clock."""

    client_cpu: float
    server_cpu: float
    wall: float

    @property
    def cpu(self) -> float:
        return self.client_cpu + self.server_cpu

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.client_cpu - other.client_cpu,
            self.server_cpu - other.server_cpu,
            self.wall - other.wall,
        )


NOTHING = Usage(0, 0, 0)


@dataclass
class Cost:
    """What a piece of work took; memory in bytes."""

    used: Usage = NOTHING
    memory: int = 0
    transactions: list[Usage] = field(default_factory=list)

    @property
    def busiest_transaction(self) -> float:
        """Seconds of processor time of the transaction that took most."""
        return max((used.cpu for used in self.transactions), default=0)

    @property
    def longest_transaction(self) -> float:
        """Seconds by the clock of the transaction that took longest."""
        return max((used.wall for used in self.transactions), default=0)

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self.used),
            "memory": self.memory,
            "transactions": len(self.transactions),
            "busiest_transaction": self.busiest_transaction,
            "longest_transaction": self.longest_transaction,
        }


def in_own_process(database: str, work: Callable[[], Result]) -> Result:
    """Do work in a new process with a connection of its own; return its result."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        return pool.submit(on_database, database, work).result()


def on_database(database: str, work: Callable[[], Result]) -> Result:
    """Do work with Django's connection on a database."""
    with connected_to(database):
        return work()


def keep_apart(backend: int, side: int) -> None:
    """Keep this thread and its PostgreSQL backend to a core: side 0 or 1.

    Two sides that share cores wait for each other without sharing a row: Linux often
    wakes a process on a core that is busy, where it stays until the next tick although
    the other core is idle.
    """
    cores = sorted(os.sched_getaffinity(os.getpid()))
    core = cores[side % len(cores)]
    for process in (0, backend):
        os.sched_setaffinity(process, {core})


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what this process and its backend do inside the context.

    Memory is by how much the process outgrew itself, so it has to be new.
    """
    backend = backend_of_django()
    cost = Cost()
    memory = _status("VmRSS")
    began = _usage(backend)
    with _noted_transactions(backend, cost.transactions):
        yield cost
    cost.used = _usage(backend) - began
    cost.memory = _status("VmHWM") - memory


@contextmanager
def _noted_transactions(backend: int, noted: list[Usage]) -> Iterator[None]:
    """Note what each transaction of Django's connection takes while it is open.

    Django leaves autocommit where one begins, and goes back to it once it ended.
    """
    set_autocommit = connection.set_autocommit
    began = NOTHING

    def noting(autocommit: bool, *args: bool, **kwargs: bool) -> None:  # noqa: FBT001
        nonlocal began
        if not autocommit:
            began = _usage(backend)
        set_autocommit(autocommit, *args, **kwargs)
        if autocommit:
            noted.append(_usage(backend) - began)

    with mock.patch.object(connection, "set_autocommit", noting):
        yield


def _usage(backend: int) -> Usage:
    return Usage(time.process_time(), _cpu_of(backend), time.monotonic())


def backend_of_django() -> int:
    """Return the process id of the backend that serves Django's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


def _cpu_of(pid: int) -> float:
    """Return the processor time of a process with one thread, in seconds."""
    nanoseconds, _ = Path(f"/proc/{pid}/schedstat").read_text().split(maxsplit=1)
    return int(nanoseconds) / 1e9


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise LookupError(name)
