"""When to do again what is done now and then, or what has failed."""

from __future__ import annotations

import time


class Every:
    """Something to be done every so many seconds; the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def is_due(self) -> bool:
        """Return whether it is time, and count from now if it is."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True


class Backoff:
    """How long to leave alone what has failed: twice as long each time."""

    def __init__(self, shortest: float = 0.25, longest: float = 5.0) -> None:
        self._shortest = shortest
        self._longest = longest
        self._wait = self._until = 0.0

    def fail(self) -> float:
        """Note a failure and return for how many seconds to wait."""
        self._wait = min(self._longest, max(self._shortest, self._wait * 2))
        self._until = time.monotonic() + self._wait
        return self._wait

    def reset(self) -> None:
        """Note that it went well."""
        self._wait = self._until = 0.0

    def is_over(self) -> bool:
        """Return whether it may be tried (again)."""
        return time.monotonic() >= self._until
