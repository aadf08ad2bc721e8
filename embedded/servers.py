"""Servers that run for as long as somebody uses them."""

import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from embedded import postgres, redis
from embedded.layout import Layout
from embedded.locks import FileLock, exclusive
from embedded.pids import adopt_orphans


class Servers(Protocol):
    """What a process needs to run before it can work."""

    @property
    def has_fake_redis(self) -> bool:
        """Whether Redis is made of Python, and keeps nothing."""

    def running(self) -> AbstractContextManager[None]:
        """Keep the servers running inside the context."""


class Nothing:
    """No server of ours: all are named in the environment."""

    has_fake_redis = False

    def running(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


@dataclass(frozen=True)
class EmbeddedServers:
    """PostgreSQL, Redis or both, in one run directory."""

    layout: Layout
    postgres: bool = True
    redis: bool = True
    durable: bool = True

    @property
    def has_fake_redis(self) -> bool:
        """Whether Redis is made of Python, and keeps nothing."""
        return self.redis and self.layout.redis_port is not None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the servers running inside the context.

        The first process to enter starts them and the last to leave stops them;
        one that was killed inside does not count, as the kernel let go of its
        lock. What it left running is taken over by the next.
        """
        adopt_orphans()
        users = FileLock(self.layout.users_lock)
        previous = signal.signal(signal.SIGTERM, _leave)
        try:
            with exclusive(self.layout.control_lock):
                users.share()
                self._start()
            yield
        finally:
            # From here on there is nothing to interrupt but the tidying up.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
            users.close()
            self.stop_if_unused()
            signal.signal(signal.SIGTERM, previous)
            signal.signal(signal.SIGINT, interrupt)

    def stop_if_unused(self) -> bool:
        """Stop the servers if nobody uses them, and say whether it is so."""
        users = FileLock(self.layout.users_lock)
        try:
            with exclusive(self.layout.control_lock):
                unused = users.try_alone()
                if unused:
                    redis.stop(self.layout)
                    postgres.stop(self.layout)
        finally:
            users.close()
        return unused

    def _start(self) -> None:
        if self.postgres:
            postgres.start(self.layout, durable=self.durable)
        if self.redis:
            redis.start(self.layout)


def _leave(_signal: int, _frame: object) -> None:
    """End as the signal asks, but through the contexts that are open."""
    sys.exit(128 + signal.SIGTERM)
