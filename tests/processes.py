"""A worker, a beat or the site, as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from django.conf import settings


class OwnProcess:
    """`python -m …`, started at once; what it says goes to a file of its own."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self._log = log
        with log.open("xb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=settings.BASE_DIR,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own, which can be ended as a whole.
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """End the process and its children at once.

        A warm shutdown takes seconds; a test that is about one has asked for it.
        """
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._bury_children()

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

    def has_ended(self) -> bool:
        """Return whether it has ended, by itself or not."""
        return self._process.poll() is not None

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

    def _bury_children(self) -> None:
        """Ask how orphans ended, where this process has adopted them."""
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-self.pid, 0)


StartProcess = Callable[..., OwnProcess]
StartCelery = Callable[..., OwnProcess]
