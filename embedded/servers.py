"""Servers that run for as long as a process uses them."""

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
    """The servers that a process needs."""

    @property
    def has_fake_redis(self) -> bool:
        """Whether Redis is fakeredis, which keeps nothing."""

    def running(self) -> AbstractContextManager[None]:
        """Keep the servers running inside the context."""


class Nothing:
    """No embedded server: the environment names all of them."""

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
        """Whether Redis is fakeredis, which keeps nothing."""
        return self.redis and self.layout.redis_port is not None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the servers running inside the context.

        The first process to enter starts them and the last to leave stops them. A
        process that was killed inside does not count, because the kernel has released
        its lock; the next one takes over what it left running.
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
            # From here on a signal could only interrupt the clean-up.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
            users.close()
            self.stop_if_unused()
            signal.signal(signal.SIGTERM, previous)
            signal.signal(signal.SIGINT, interrupt)

    def stop_if_unused(self) -> bool:
        """Stop the servers if no process uses them; return whether that is so."""
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
    """Exit as the signal asks, but leave the open contexts properly."""
    sys.exit(128 + signal.SIGTERM)
