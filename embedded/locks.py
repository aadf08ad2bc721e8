"""File locks, which the kernel releases however their holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileLock:
    """A lock on an open file; a forked child shares it, an exec'd one does not."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def share(self) -> None:
        """Wait until nobody holds it exclusively, then share it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def try_alone(self) -> bool:
        """Hold it exclusively if nobody else has it at all."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Release it."""
        os.close(self._descriptor)


class OwnLock:
    """A lock that belongs to one process, and not to the children it forks."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def try_take(self) -> bool:
        """Take it if nobody else has it."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def wait_until_free(self) -> None:
        """Return once its holder has ended or released it."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_SH)
        self.close()

    def close(self) -> None:
        """Release it."""
        os.close(self._descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock at this path exclusively, waiting for it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
