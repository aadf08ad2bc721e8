"""`make run`: all of Order Desk on this machine, until Ctrl-C.

python -m config.serve
"""

import os
import shlex
import signal
import socket
import sys
from collections.abc import Sequence

import django
import honcho.manager
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections

from embedded.leash import CHILDREN_LOCK, GRACE_SECONDS, RUNNER_LOCK
from embedded.locks import OwnLock, exclusive

ADDRESS = "127.0.0.1"

PROCESSES = {
    "web": ["gunicorn", "--config=python:config.gunicorn", "config.wsgi"],
    "worker": [
        *("celery", "--app=config", "worker"),
        *("--without-gossip", "--without-mingle", "--concurrency=2"),
    ],
    "beat": ["celery", "--app=config", "beat", "--pidfile="],
}


class CannotServeError(Exception):
    """Order Desk cannot be started; the text says why, and what to do."""


def main() -> int:
    """Serve until asked to stop; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Generate a key even if the environment names other servers.
    os.environ.setdefault("LOCAL_SECRET_KEY", "on")
    try:
        django.setup()
        runner = _become_the_only_one()
        with settings.EMBEDDED_SERVERS.running():
            _prepare_the_site()
            status = _run_the_processes()
    except (CannotServeError, ImproperlyConfigured) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    runner.close()
    return status


def _become_the_only_one() -> OwnLock:
    """Refuse to run twice, and wait for what a killed predecessor left running."""
    settings.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    runner = OwnLock(settings.RUN_DIR / RUNNER_LOCK)
    if not runner.try_take():
        message = f"Order Desk is already running: {settings.RUN_DIR} is in use."
        raise CannotServeError(message)
    with exclusive(settings.RUN_DIR / CHILDREN_LOCK):
        _check_the_port()
    return runner


def _check_the_port() -> None:
    try:
        socket.create_server((ADDRESS, settings.PORT)).close()
    except OSError as error:
        message = (
            f"Port {settings.PORT} is not available ({error.strerror}):"
            f" try `make run PORT={settings.PORT + 1}`."
        )
        raise CannotServeError(message) from error


def _prepare_the_site() -> None:
    if settings.EMBEDDED_SERVERS.has_fake_redis:
        _say("Redis: fakeredis, since there is no redis-server; it keeps no data.")
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("ensure_superuser")
    call_command("seed_demo", offer=True)
    # The processes that follow have connections of their own.
    connections.close_all()
    _say(f"Log in at {settings.SITE_URL}/admin/ - Ctrl-C stops everything.")


def _run_the_processes() -> int:
    # Honcho kills after five seconds, and a leash that is killed holds nothing.
    honcho.manager.KILL_WAIT = GRACE_SECONDS + 10
    manager = honcho.manager.Manager()
    for name, command in PROCESSES.items():
        manager.add_process(name, _on_a_leash(command), env=_environment())
    manager.loop()
    asked_to_stop = manager.returncode in {128 + signal.SIGINT, 128 + signal.SIGTERM}
    return 0 if asked_to_stop else int(manager.returncode)


def _on_a_leash(command: Sequence[str]) -> str:
    leash = [sys.executable, "-m", "embedded.leash", str(settings.RUN_DIR)]
    return f"exec {shlex.join([*leash, sys.executable, '-m', *command])}"


def _environment() -> dict[str, str]:
    return os.environ | {
        # Lines appear when they are written, and not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        "GUNICORN_CMD_ARGS": f"--bind={ADDRESS}:{settings.PORT}",
    }


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
