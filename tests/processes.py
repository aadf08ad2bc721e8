"""A worker, a beat or the site, as a process of its own."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self


class OwnProcess:
    """A worker, a beat or the site on the test's own database and broker."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """End the process, by force where it does not go on being asked."""
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The main process."""
        return self._process.pid

    def ask_to_stop(self) -> None:
        """Send SIGTERM: a warm shutdown."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        self._process.kill()
        self._process.wait(timeout=60)

    def exit_code(self) -> int:
        """Wait for the end, and return how it went."""
        return self._process.wait(timeout=60)

    def has_said(self, words: str) -> bool:
        """Return whether `words` stand in what the process has written so far."""
        return words in self._log.read_text()

    def wait_until_it_says(self, words: str, *, seconds: float = 60) -> None:
        """Return as soon as `words` stand there; fail with all that does instead."""
        deadline = time.monotonic() + seconds
        while not self.has_said(words):
            said = self._log.read_text()
            assert self._process.poll() is None, f"it ended:\n{said}"
            assert time.monotonic() < deadline, f"no {words!r} in:\n{said}"
            time.sleep(0.05)


StartProcess = Callable[..., OwnProcess]
StartCelery = Callable[..., OwnProcess]
