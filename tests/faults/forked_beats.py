"""Beats that end at chosen moments: `python -m … killed SLOT` or `stopped`.

A beat takes a second to start, a fork of a process that could be one takes none. Each
is a process of its own with connections of its own, ended by a signal.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import django
from celery.apps.beat import Beat
from django.db import connection
from django.db.backends.utils import CursorWrapper

from tests.faults.clock_app import app

LOOKED_AT = ("beat", "changes", "dispatch", "publishing", "recovery")
PRIVATE = ("_", "<")
STOPPED = 25
PATIENCE_SECONDS = 10


def main() -> None:
    django.setup()
    app.loader.init_worker()
    app.finalize()
    # What is loaded at first use is loaded by now: a fork is a beat at work at once.
    app.amqp.Producer  # noqa: B018
    import_module("scheduling.beat")
    {"killed": kill_everywhere, "stopped": stop_anywhere}[sys.argv[1]]()


def kill_everywhere() -> None:
    """Kill a beat at the first step of its turn, one at the second, and so on.

    Each finds a slot due, and has a successor that does its turn to the end. Ends with
    the first beat that lives as long as that.
    """
    step, status = 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        step += 1
        _make_one_due(sys.argv[2])
        status = _wait(_fork(partial(_turn, killed_at=step)))
        assert _wait(_fork(_turn)) == 0
    assert status == 0, status
    _say(f"killed at {step - 1} steps")


def stop_anywhere() -> None:
    """Ask beats to stop at moments of a busy turn; say how the slowest took it."""
    moments = random.Random(4)  # noqa: S311 - any moments do
    longest = 0.0
    for _ in range(STOPPED):
        beat = _fork(_run_beat)
        time.sleep(moments.uniform(0.02, 0.4))
        asked_at = time.monotonic()
        os.kill(beat, signal.SIGTERM)
        status = _wait(beat)
        assert status == 0, f"it ended with {status}"
        longest = max(longest, time.monotonic() - asked_at)
    _say(f"stopped {STOPPED}, the slowest in {longest:.2f} seconds")


def _turn(killed_at: int | None = None) -> None:
    """Be a beat until nothing is left to do, or at a step the end has come."""
    from scheduling.beat import SlotScheduler  # noqa: PLC0415 - needs the models

    scheduler = SlotScheduler(app=app)
    if killed_at:
        sys.setprofile(_Killer(killed_at))
    while scheduler.tick() == 0:
        pass
    sys.setprofile(None)


class _Killer:
    """Kills this process at a step: as a statement, a message or a part is done."""

    def __init__(self, step: int) -> None:
        self._left = step
        from scheduling import beat  # noqa: PLC0415 - as above

        home = Path(beat.__file__).parent
        self._files = {str(home / f"{name}.py") for name in LOOKED_AT}

    def __call__(self, frame: FrameType, event: str, _of_event: Any) -> None:
        if event == "return" and self._is_step(frame.f_code):
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

    def _is_step(self, code: CodeType) -> bool:
        if code.co_filename in self._files:
            # Within the private ones nothing happens but statements, and messages.
            return code.co_name == "_published" or not code.co_name.startswith(PRIVATE)
        return code is CursorWrapper.execute.__code__


def _run_beat() -> None:
    Beat(app=app, quiet=True).run()


def _make_one_due(slot: str) -> None:
    """Give the next schedule that has none its slot."""
    from scheduling.models import Schedule  # noqa: PLC0415 - as above

    (pk,) = Schedule.objects.filter(next_slot=None).order_by("pk").values_list("pk")[0]
    Schedule.objects.filter(pk=pk).update(next_slot=slot)
    # A fork would share it.
    connection.close()


def _fork(body: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        body()
        status = 0
    except SystemExit as end:
        # As Celery's own program would end with it.
        status = int(end.code or 0)
    except Exception:  # noqa: BLE001 - of which nobody else would tell
        traceback.print_exc()
    finally:
        # Nothing of the parent's may be run here: its exit handlers, for one.
        sys.stderr.flush()
        os._exit(status)


def _wait(child: int) -> int:
    """Return how a process ended, a signal as below zero; kill one that does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGABRT)
    os.waitpid(child, 0)
    return -signal.SIGABRT


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
