"""What a worker's main process does beside its pool: keep leases, be seen, watch.

A body that spins or sleeps in a child cannot say that it lives. The main process can,
which hears of the child's end as well; only a child that was killed ends unheard, and
its lease runs out.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from celery import bootsteps
from celery.signals import worker_shutdown
from celery.worker import state
from celery.worker.request import Request
from django.db import connection

from scheduling import heartbeats, ledger, watch
from scheduling.loops import Loop
from scheduling.models import Heartbeat
from scheduling.worker import RUN_HEADER

LEASE_SECONDS = ledger.LEASE.total_seconds() / 3
#: A worker that ends waits no longer for a turn that hangs.
SHUTDOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Overrun:
    """A run whose process was killed for taking too long."""

    run_id: UUID
    process: str
    error: str


class LedgerRequest(Request):
    """A message in the main process; it alone hears of a hard time limit."""

    @property
    def run_id(self) -> UUID | None:
        """The run that the message is about, if it is one of the clock's."""
        run_id: str | None = self.request_dict.get(RUN_HEADER)
        return UUID(run_id) if run_id else None

    @property
    def process(self) -> str:
        """The process that has accepted it, as the ledger knows it."""
        pid: Any = self.worker_pid
        return ledger.process_name(self.hostname, pid)

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001 - Celery's
        super().on_timeout(soft, timeout)
        is_cold_shutdown: bool | int | None = state.should_terminate
        # In a cold shutdown all processes are killed so: their runs are taken back.
        if not soft and not is_cold_shutdown and self.run_id:
            error = f"It was killed: it went on beyond its time limit, {timeout:g} s."
            keeper.note(Overrun(self.run_id, self.process, error))


class Keeper:
    """Extends the leases of what this worker runs, and says that it lives."""

    def __init__(self) -> None:
        self._overruns: deque[Overrun] = deque()
        self._loop = Loop("leases", self._turn, LEASE_SECONDS)
        self._name = ""

    def start(self, name: str) -> None:
        """Begin, in a worker of that name; once in the life of a process."""
        self._name = name
        self._loop.start()

    def note(self, overrun: Overrun) -> None:
        """Have a run fail soon. Returns at once, which the pool's event loop needs."""
        self._overruns.append(overrun)
        self._loop.wake()

    def end(self) -> None:
        """End with the worker, which is not missed then."""
        self._loop.end()
        self._loop.join(SHUTDOWN_SECONDS)
        heartbeats.remove(Heartbeat.Kind.WORKER, self._name)
        connection.close()

    def _turn(self) -> None:
        ledger.extend(held())
        heartbeats.record(Heartbeat.Kind.WORKER, self._name)
        heartbeats.delete_stale()
        self._record_overruns()

    def _record_overruns(self) -> None:
        """Let each run fail; one that cannot be written waits for the next turn."""
        while self._overruns:
            overrun = self._overruns[0]
            claim = ledger.held_by(overrun.run_id, overrun.process)
            if claim:
                ledger.fail(claim, overrun.error)
            self._overruns.popleft()


keeper = Keeper()
# A thread of its own: a mail that takes its time must not cost a lease.
watcher = Loop("watch", watch.Watch().turn, watch.TURN_SECONDS)


class Leases(bootsteps.StartStopStep):
    """Starts the threads once the pool has forked, the broker being there or not.

    They go on until the pool has done its last task, which is why `stop` is empty.
    """

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:  # noqa: ANN401 - Celery's worker
        keeper.start(ledger.process_name(parent.hostname, os.getpid()))
        watcher.start()
        worker_shutdown.connect(_end, weak=False)

    def stop(self, parent: Any) -> None:  # noqa: ANN401 - as above
        pass


def _end(**_signal: Any) -> None:  # noqa: ANN401 - Celery's signature
    watcher.end()
    keeper.end()


def held() -> list[tuple[UUID, str]]:
    """Return the runs whose messages a process of the pool has, each with its name."""
    return [
        (request.run_id, request.process)
        for request in _active()
        if isinstance(request, LedgerRequest) and request.run_id
    ]


def _active() -> list[Request]:
    while True:
        try:
            return list(state.active_requests)
        except RuntimeError:
            # The main thread has changed the set meanwhile.
            continue
