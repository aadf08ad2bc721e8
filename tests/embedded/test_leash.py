import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from django.conf import settings

from embedded.leash import CHILDREN_LOCK, RUNNER_LOCK
from embedded.locks import exclusive

# Asked to stop, it says so and ends with 3. A handler may come in the middle of a
# print, which cannot be entered twice.
PATIENT = """
import os, signal, sys
def stop(*_):
    os.write(1, b"asked\\n")
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
os.write(1, b"ready\\n")
while True: signal.pause()
"""

# Holds what `make run` holds for as long as it lives.
OWNER = """
import signal, sys
from pathlib import Path
from embedded.locks import OwnLock
lock = OwnLock(Path(sys.argv[1]))
assert lock.try_take()
print("owns", flush=True)
signal.pause()
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def is_running(pid: int) -> bool:
    """Say whether the process runs; one that nobody asked how it ended does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with start("-c", OWNER, str(tmp_path / RUNNER_LOCK)) as process:
        assert line(process.stdout) == "owns"
        yield process
        process.kill()


@contextmanager
def on_a_leash(run_dir: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    arguments = ["-m", "embedded.leash", str(run_dir), sys.executable, *command]
    with start(*arguments) as process:
        yield process


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", 128 + signal.SIGKILL),
    ],
)
def test_it_ends_as_the_command_does(tmp_path: Path, program: str, status: int) -> None:
    with on_a_leash(tmp_path, "-c", program) as process:
        assert process.wait(timeout=60) == status


@pytest.mark.usefixtures("owner")
def test_a_request_to_stop_is_handed_on_once(tmp_path: Path) -> None:
    with on_a_leash(tmp_path, "-c", PATIENT) as process:
        assert line(process.stdout) == "ready"
        process.terminate()

        assert process.wait(timeout=60) == 3
        assert process.stdout is not None
        assert process.stdout.read() == "asked\n"


def test_the_command_is_asked_to_stop_when_its_owner_is_killed(
    tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    with on_a_leash(tmp_path, "-c", PATIENT) as process:
        assert line(process.stdout) == "ready"
        owner.kill()

        assert line(process.stdout) == "asked"
        assert process.wait(timeout=60) == 3
    with exclusive(tmp_path / CHILDREN_LOCK):
        assert not Path(f"/proc/{process.pid}").exists()


@pytest.mark.usefixtures("owner")
def test_what_the_command_started_ends_with_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1);"
        "print(child.pid, flush=True)"
    )
    with on_a_leash(tmp_path, "-c", program) as process:
        child = int(line(process.stdout))
        assert process.wait(timeout=60) == 0

    deadline = time.monotonic() + 30
    while is_running(child):
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.02)
