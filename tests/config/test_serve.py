"""`make run`'s program, from an empty run directory to Ctrl-C and back."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.conf import settings

from embedded.remove import remove
from tests.config.asking import NEEDED


class Start(subprocess.Popen[bytes]):
    """One start of the desk; it does not outlive its context."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            super().__init__(
                [sys.executable, "-m", "config.serve"],
                cwd=settings.BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __exit__(self, *exception: object) -> None:
        self.terminate()
        self.wait(timeout=90)

    def said(self) -> str:
        return self.log.read_text()


class Desk:
    """One run directory and port, and the processes that were started on them."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self._logs = (directory / f"log-{number}" for number in count())

    def start(self) -> Start:
        environment = NEEDED | {
            "RUN_DIR": str(self.directory / "run"),
            "STATIC_ROOT": str(self.directory / "static"),
            "PORT": str(self.port),
            "EMBEDDED_DURABLE": "off",
        }
        return Start(environment, next(self._logs))

    def wait_for_login_page(self, process: Start) -> str:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, process.said()
            assert time.monotonic() < deadline, process.said()
            if "Log in at" not in process.said():
                # The page may still be the one of the start before.
                time.sleep(0.05)
                continue
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/admin/") as page:
                    return str(page.read().decode())
            except URLError:
                time.sleep(0.05)

    def processes(self) -> list[str]:
        """Return the command lines that name the run directory."""
        marker = os.fsencode(self.directory)
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes()
            except OSError:
                continue
            if marker in line:
                found.append(line.replace(b"\0", b" ").decode())
        return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with TemporaryDirectory(prefix="desk-") as directory:
        yield Desk(Path(directory).resolve(), port)
        remove(Path(directory) / "run")


def test_everything_starts_stops_and_starts_again(desk: Desk) -> None:
    with desk.start() as first:
        assert "Log in" in desk.wait_for_login_page(first)
        assert re.search(r"One-time password: \S{20}", first.said())
        # Nobody is there to answer, and so nobody is asked.
        assert "No orders yet: `manage.py seed_demo` makes some." in first.said()
        with desk.start() as second:
            assert second.wait(timeout=60) == 1
            assert second.said().endswith(f"{desk.directory}/run is in use.\n")
        first.send_signal(signal.SIGINT)
        assert first.wait(timeout=90) == 0
    assert desk.processes() == []

    with desk.start() as again:
        desk.wait_for_login_page(again)
        assert "password" not in again.said()
        again.terminate()
        assert again.wait(timeout=90) == 0
    assert desk.processes() == []


def test_a_start_after_a_kill_finds_everything_in_order(desk: Desk) -> None:
    with desk.start() as killed:
        desk.wait_for_login_page(killed)
        killed.kill()

    with desk.start() as next_one:
        desk.wait_for_login_page(next_one)
        next_one.terminate()
        assert next_one.wait(timeout=90) == 0
    assert desk.processes() == []


def test_a_port_that_is_taken_is_named(desk: Desk) -> None:
    with (
        socket.create_server(("127.0.0.1", desk.port)),
        desk.start() as process,
    ):
        assert process.wait(timeout=60) == 1
        assert process.said().startswith(f"Port {desk.port} is not available")
