"""The scheduler behind `celery beat`: it turns rows into Runs, and rings for them.

Any number of beats may run at once, and none is special: each row that two of them
want is decided by a lock or by a unique constraint. What a beat knows is in the
database; nothing is lost with its process.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import Any, NamedTuple

from celery.beat import Scheduler, Service
from celery.signals import beat_init
from django.db import Error as DatabaseError
from django.db import connection

from scheduling import changes, dispatch, heartbeats, publishing, recovery, watch
from scheduling.loops import Loop
from scheduling.models import Heartbeat
from scheduling.pacing import Backoff, Every
from scheduling.publishing import BrokerAwayError

logger = logging.getLogger(__name__)

LONGEST_SLEEP = 0.5
#: Where a slot is due and another beat, or an edit, holds its row; then twice as long
#: each time.
SHORTEST_SLEEP = 0.02
HEARTBEAT_SECONDS = 5
HOUSEKEEPING_SECONDS = 60

# All that a turn could have to do, in one look: an idle turn costs nothing else.
LOOK = """
SELECT EXISTS (SELECT FROM scheduling_schedulechange),
    (SELECT extract(epoch FROM min(next_slot) - statement_timestamp())
        FROM scheduling_schedule),
    (SELECT extract(epoch FROM min(ring_after) - statement_timestamp())
        FROM scheduling_run WHERE state IN ('pending', 'queued')),
    (SELECT extract(epoch FROM min(lease_until) - statement_timestamp())
        FROM scheduling_run WHERE state = 'running')
"""


class Look(NamedTuple):
    """What there is to do, and in how many seconds: past ones are below zero."""

    has_changes: bool
    slot_in: float | None
    ring_in: float | None
    lease_ends_in: float | None


class SlotScheduler(Scheduler):
    """Beat's loop over the clock's tables. It keeps no schedule in memory."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's
        """Set up without a query: Celery builds one for its banner alone."""
        self._is_closed = False
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._database = Backoff()
        self._broker = Backoff()
        self._held = Backoff(SHORTEST_SLEEP, LONGEST_SLEEP)
        self._heartbeat = Every(HEARTBEAT_SECONDS)
        self._housekeeping = Every(HOUSEKEEPING_SECONDS)
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Load nothing. Rows are read when they are due, and not before."""
        self.schedule = {}

    @property
    def info(self) -> str:
        """Say in Celery's banner where the schedules are."""
        return "    . clock -> one run for each slot, from the database"

    def should_sync(self) -> bool:
        """Return false: there is nothing in memory to be written back."""
        return False

    def sync(self) -> None:
        """Do nothing, as above."""

    def close(self) -> None:
        """Note that beat ends.

        Celery calls it inside its signal handler, in the middle of anything: a query
        here would wait for ever for the one that it has interrupted.
        """
        self._is_closed = True

    def tick(self, *_args: Any, **_kwargs: Any) -> float:  # noqa: ANN401 - Celery's
        """Do what is to be done, and return for how many seconds beat may sleep.

        Nothing but the end of the process leaves it: beat would end with it, and
        whatever is wrong with the database or one row is over some time.
        """
        if self._is_closed:
            # Celery raised it where it was asked to end: in a turn, whose own clean-up
            # may have failed over it.
            raise SystemExit
        try:
            wait = self._turn()
        except Exception as error:  # noqa: BLE001 - beat's outermost loop; it is logged
            return self._after(error)
        self._database.reset()
        return wait

    def _turn(self) -> float:
        if self._heartbeat.is_due():
            self._beat()
        if self._housekeeping.is_due():
            changes.mark_unseen_tasks()
            changes.recheck_stopped()
            changes.end_pauses()
        look = _look()
        done = 0
        if look.has_changes:
            done += changes.take_changes()
        if _has_come(look.slot_in):
            done += dispatch.dispatch_due()
        if done or _has_come(look.ring_in):
            done += self._ring()
        if _has_come(look.lease_ends_in):
            done += recovery.take_back()
        return 0 if done else self._sleep(look)

    def _sleep(self, look: Look) -> float:
        """Return how long to sleep where nothing could be done now.

        A slot that is due is at another beat's hands, or an edit's, which can take its
        time. A run that may ring and did not waits for another of its schedule: that
        is no reason to hurry.
        """
        if _has_come(look.slot_in):
            return self._held.fail()
        self._held.reset()
        coming = [wait for wait in (look.slot_in, look.ring_in) if wait and wait > 0]
        return max(SHORTEST_SLEEP, min([LONGEST_SLEEP, *coming]))

    def _ring(self) -> int:
        written_off = publishing.write_off_late()
        if not self._broker.is_over():
            return written_off
        try:
            rung = publishing.ring_due()
        except BrokerAwayError as error:
            wait = self._broker.fail()
            logger.warning("broker_away", extra={"retry_in": wait, "rung": error.rung})
            return written_off
        self._broker.reset()
        return written_off + rung

    def _beat(self) -> None:
        heartbeats.record(Heartbeat.Kind.BEAT, self._name)
        recovery.pause_failing()

    def _after(self, error: Exception) -> float:
        """Wait after a turn that failed, with a connection that starts anew."""
        connection.close()
        wait = self._database.fail()
        if isinstance(error, DatabaseError):
            logger.warning(
                "database_away",
                extra={"error": type(error).__name__, "retry_in": wait},
            )
        else:
            logger.error("turn_failed", exc_info=error, extra={"retry_in": wait})
        return wait


@beat_init.connect
def _watch(sender: Service, **_signal: Any) -> None:  # noqa: ANN401 - Celery's signature
    """Watch beside the scheduler: no worker tells that all workers have died."""
    if isinstance(sender.scheduler, SlotScheduler):
        Loop("watch", watch.Watch().turn, watch.TURN_SECONDS).start()


def _look() -> Look:
    with connection.cursor() as cursor:
        cursor.execute(LOOK)
        has_changes, *waits = cursor.fetchone()
    return Look(has_changes, *(wait if wait is None else float(wait) for wait in waits))


def _has_come(wait: float | None) -> bool:
    return wait is not None and wait <= 0
