"""Files that worker and beat touch while they make progress, and a check of their age.

    python -m config.heartbeat worker|beat

exits with 0 while the process is making progress, and with 1 when it has stalled.
Celery's own `inspect ping` goes on answering for a minute after a worker has stalled.
"""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from celery.beat import Service
from celery.signals import beat_init, heartbeat_sent
from django.conf import settings

KINDS = ("worker", "beat")

# A worker touches its file every two seconds; beat wakes twice a second, and every
# five seconds at the latest under the stock scheduler. A broker that is slow to
# refuse a connection may hold up either for longer.
STALE_SECONDS = 30


def is_fresh(kind: str, *, now: float | None = None) -> bool:
    """Return whether the process has made progress lately; `now` is a Unix time."""
    try:
        touched = _file(kind).stat().st_mtime
    except FileNotFoundError:
        return False
    return (time.time() if now is None else now) - touched < STALE_SECONDS


def touch(kind: str) -> None:
    """Record that the process is making progress."""
    file = _file(kind)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch()


def _file(kind: str) -> Path:
    directory: Path = settings.RUN_DIR / "heartbeats"
    return directory / kind


@heartbeat_sent.connect
def _touch_for_worker(**_: object) -> None:
    touch("worker")


@beat_init.connect
def _touch_for_beat(sender: Service, **_: object) -> None:
    """Touch the file at each tick, whichever scheduler it is that ticks."""
    scheduler: Any = sender.scheduler
    scheduler.tick = partial(_tick, scheduler.tick)


def _tick(tick: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as given
    pause = tick(*arguments, **options)
    touch("beat")
    return pause


def main(arguments: list[str]) -> int:
    """Answer as the module's docstring says; 2 for a question it does not know."""
    if len(arguments) != 1 or arguments[0] not in KINDS:
        sys.stderr.write("usage: python -m config.heartbeat worker|beat\n")
        return 2
    return 0 if is_fresh(arguments[0]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
