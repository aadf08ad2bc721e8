"""The embedded Redis: real where the machine has one, else fakeredis."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from embedded.layout import Layout
from embedded.pids import bury, serving
from embedded.programs import redis_server

PATIENCE_SECONDS = 30
POLL_SECONDS = 0.02


class RedisFailedError(Exception):
    """Redis did not start or did not stop in time."""


def start(layout: Layout) -> None:
    """Start the server where it does not answer, and wait until it does."""
    layout.redis_data.mkdir(mode=0o700, exist_ok=True)
    if _answers(layout):
        return
    program = redis_server()
    command = _fake(layout) if program is None else _real(program, layout)
    log = layout.run_dir / "redis.log"
    with log.open("ab") as output:
        # Both servers leave for the background by themselves, so this returns.
        subprocess.run(  # noqa: S603 - our own arguments, without a shell
            command,
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if not _comes_true(lambda: _answers(layout)):
        message = f"Redis does not answer; what it said is in {log}."
        raise RedisFailedError(message)


def stop(layout: Layout) -> None:
    """Stop the server where it is running, and wait until it has ended."""
    pid = _pid(layout)
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    if not _comes_true(lambda: _pid(layout) is None):
        message = f"Redis (process {pid}) does not stop."
        raise RedisFailedError(message)
    bury(pid)


def _real(program: Path, layout: Layout) -> list[str]:
    return [
        str(program),
        *("--port", "0"),
        *("--unixsocket", str(layout.redis_socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(layout.redis_data)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "yes"),
        *("--pidfile", str(_pid_file(layout))),
        *("--logfile", str(layout.run_dir / "redis.log")),
    ]


def _fake(layout: Layout) -> list[str]:
    arguments = [str(layout.redis_port), str(layout.redis_data), str(_pid_file(layout))]
    return [sys.executable, "-m", "embedded.fake_redis", *arguments]


def _answers(layout: Layout) -> bool:
    client = Redis.from_url(
        layout.redis_url, socket_timeout=2, retry=Retry(NoBackoff(), 0)
    )
    try:
        return _pid(layout) is not None and bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def _pid(layout: Layout) -> int | None:
    return serving(_pid_file(layout), layout.redis_data)


def _pid_file(layout: Layout) -> Path:
    return layout.redis_data / "redis.pid"


def _comes_true(condition: Callable[[], bool]) -> bool:
    """Ask until the answer is yes, or patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
