"""Run a command that must not outlive the process that started it.

    python -m embedded.leash RUN_DIR COMMAND [ARGUMENT ...]

`make run` starts its processes this way. If it is killed without a chance to stop
them, the kernel releases its lock, and this process notices.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from embedded.locks import FileLock, OwnLock

# Longer than a batch of any task, after which a worker asked to stop has ended.
GRACE_SECONDS = 50

# In the run directory: held by the owner, and by each command's leash.
RUNNER_LOCK = "runner.lock"
CHILDREN_LOCK = "children.lock"


def main(run_dir: Path, command: Sequence[str]) -> int:
    """Run the command until it ends, is asked to, or its owner has gone."""
    children = FileLock(run_dir / CHILDREN_LOCK)
    children.share()
    asked_early: list[int] = []
    _on_request(asked_early.append)
    # In its own session: a Ctrl-C at the terminal goes to the owner, which then asks
    # each process once. A worker that is signalled with its children loses its tasks.
    process = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - ours
    _on_request(lambda _number: process.terminate())
    if asked_early:
        process.terminate()
    threading.Thread(target=_outlive, args=(run_dir, process), daemon=True).start()
    try:
        return process.wait()
    finally:
        _kill_group(process.pid)
        children.close()


def _on_request(react: Callable[[int], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: react(number))


def _outlive(run_dir: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait for the owner to end, then, for a limited time, for the process."""
    OwnLock(run_dir / RUNNER_LOCK).wait_until_free()
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _kill_group(pid: int) -> None:
    """Kill what the process started and did not stop."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


if __name__ == "__main__":
    status = main(Path(sys.argv[1]), sys.argv[2:])
    sys.exit(status if status >= 0 else 128 - status)
