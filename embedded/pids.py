"""Distinguish a running server from a pid file that a dead one left."""

import ctypes
import os
import sys
from pathlib import Path

PROC = Path("/proc")
PR_SET_CHILD_SUBREAPER = 36


def serving(pid_file: Path, directory: Path) -> int | None:
    """Return the process that the file names, if it works in this directory.

    The number alone proves nothing: after a crash or a reboot it may belong to any
    process.
    """
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    found = _works_in(pid, directory) if PROC.is_dir() else _is_alive(pid)
    return pid if found else None


def _works_in(pid: int, directory: Path) -> bool:
    try:
        return (PROC / str(pid) / "cwd").readlink() == directory
    except PermissionError:
        # Root without CAP_SYS_PTRACE may not look; the command line is public.
        return os.fsencode(directory) in (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def adopt_orphans() -> None:
    """Become the parent of the servers that our programs leave behind.

    In a container, process 1 is often a program that never asks how an orphan
    ended, and each server that stops would stay in the process table.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury(pid: int) -> None:
    """Ask how a server ended, if it was ours to ask."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return
