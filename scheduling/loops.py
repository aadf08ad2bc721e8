"""Threads that do the same again and again beside a process's own work."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError, connection

from scheduling.pacing import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class Loop(Thread):
    """A daemon thread that does its turn again and again, whatever happens in one.

    Its database connection is its own, and anew after a turn that failed.
    """

    def __init__(self, name: str, turn: Callable[[], None], seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self._turn = turn
        self._seconds = seconds
        self._backoff = Backoff()
        self._wake = Event()
        self._is_over = False

    def wake(self) -> None:
        """Have the next turn begin at once."""
        self._wake.set()

    def end(self) -> None:
        """Have it end once the turn that it is at has ended."""
        self._is_over = True
        self.wake()

    def run(self) -> None:
        while not self._is_over:
            self._wake.wait(self._do_turn())
            self._wake.clear()
        connection.close()

    def _do_turn(self) -> float:
        """Do a turn, and return for how many seconds to wait for the next."""
        try:
            self._turn()
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            wait = self._backoff.fail()
            fields = {"loop": self.name, "error": error, "retry_in": wait}
            logger.warning("loop_failed", extra=fields)
            return wait
        except Exception:
            connection.close()
            logger.exception("loop_failed", extra={"loop": self.name})
        self._backoff.reset()
        return self._seconds
