"""Commands as processes of their own, and what a terminal shows of them."""

from __future__ import annotations

import os
import pty
import subprocess
import termios
from collections.abc import Callable

Environment = dict[str, str]
StartCommand = Callable[..., "subprocess.Popen[str]"]


def on_a_terminal(start_command: StartCommand, *arguments: str) -> tuple[str, str]:
    """Run a command; return what a terminal shows, and standard output."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = start_command(*arguments, stderr=theirs)
        os.close(theirs)
        shown = _read_terminal(terminal.fileno())
        said, _ = process.communicate(timeout=60)
    return shown, said


def _read_terminal(descriptor: int) -> str:
    """Read until the other side is closed, of which Linux makes an error."""
    shown = b""
    while True:
        try:
            shown += os.read(descriptor, 4096)
        except OSError:
            return shown.decode()
