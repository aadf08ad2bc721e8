"""A PostgreSQL and a Redis that a test may stop, restart and hang.

Those of the other tests are never touched: each has a run directory of its own.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from django.core.management import call_command
from django.db import connection, connections

from embedded import postgres, redis
from embedded.layout import ROLE, Layout
from embedded.pids import serving
from embedded.unprivileged import run

TEMPLATE = "desk"


class OwnPostgres:
    """A PostgreSQL on a port of its own, with a migrated database to copy."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._numbers = count(1)
        self._place = socket.socket()
        self.port = _free_port()

    def start(self) -> None:
        """Make the server, which a link over TCP can lead to, and start it."""
        postgres.start(self._layout, durable=False)
        postgres.stop(self._layout)
        self.start_again()
        with self._connected_to("postgres"), connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {TEMPLATE}")
        with self._connected_to(TEMPLATE):
            call_command("migrate", verbosity=0)

    def restart(self, mode: str) -> None:
        """Restart the server as `pg_ctl --mode` says; return once it answers."""
        self._control("restart", f"--mode={mode}")

    def stop(self) -> None:
        """Stop the server, and let nobody else have its port."""
        self._control("stop", "--mode=immediate")
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Bound, and not listening: it refuses whoever connects.
        self._place.bind(("127.0.0.1", self.port))

    def end(self) -> None:
        """Stop the server for good."""
        self._control("stop", "--mode=immediate")

    def start_again(self) -> None:
        """Start the server after a stop; return once it answers."""
        self._place.close()
        # Without fsync a machine that loses power forgets; a server that crashes
        # forgets nothing.
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off"
            f" -k {self._layout.postgres_sockets}"
        )
        self._control("start", f"--options={options}")

    @contextmanager
    def new_database(self) -> Iterator[str]:
        """Make a database, and Django's connection that to it; yield its name."""
        name = f"{TEMPLATE}_{next(self._numbers)}"
        with self._connected_to("postgres"), connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        with self._connected_to(name):
            yield name
        with self._connected_to("postgres"), connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str, *, port: int | None = None) -> str:
        return f"postgres://{ROLE}@127.0.0.1:{port or self.port}/{name}"

    @contextmanager
    def _connected_to(self, name: str) -> Iterator[None]:
        others = connections["default"]
        address = {"HOST": "127.0.0.1", "PORT": self.port, "USER": ROLE, "NAME": name}
        connections["default"] = type(others)(
            {**others.settings_dict, **address, "PASSWORD": ""}, others.alias
        )
        try:
            yield
        finally:
            connections["default"].close()
            connections["default"] = others

    def _control(self, command: str, *options: str) -> None:
        directory = self._layout.postgres_dir
        data, log = self._layout.postgres_data, directory / "postgres.log"
        arguments = [command, f"--pgdata={data}", f"--log={log}", "--wait"]
        run("pg_ctl", [*arguments, *options], directory)


class OwnRedis:
    """A Redis that a test may stop, start and hang."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.url = layout.redis_url

    def start(self) -> None:
        redis.start(self._layout)

    def stop(self) -> None:
        redis.stop(self._layout)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Let the server accept what comes and answer nothing."""
        pid_file = self._layout.redis_data / "redis.pid"
        process = serving(pid_file, self._layout.redis_data)
        assert process is not None
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
