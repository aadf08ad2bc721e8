"""The embedded PostgreSQL: its data directory, its start and its stop."""

import shlex
import shutil

import psycopg
from psycopg import sql

from embedded.layout import DATABASE, ROLE, Layout
from embedded.pids import bury, serving
from embedded.unprivileged import make_directory, run

# Nothing of what a test writes has to outlive the machine's next crash.
FORGETFUL = ("-c fsync=off", "-c synchronous_commit=off", "-c full_page_writes=off")


def start(layout: Layout, *, durable: bool = True) -> None:
    """Start the server where it is not running, with its database made."""
    make_directory(layout.postgres_dir)
    if layout.postgres_sockets != layout.redis_sockets:
        make_directory(layout.postgres_sockets)
    if not (layout.postgres_data / "PG_VERSION").exists():
        _initialise(layout)
    if _postmaster(layout) is None:
        # What a killed server or a lost machine left; its number may belong to
        # another process by now, at which pg_ctl would believe it running.
        (layout.postgres_data / "postmaster.pid").unlink(missing_ok=True)
        _launch(layout, durable=durable)
    _create_database(layout)


def stop(layout: Layout) -> None:
    """Stop the server where it is running, and wait until it has ended."""
    pid = _postmaster(layout)
    if pid is not None:
        arguments = ["stop", "-D", str(layout.postgres_data), "-m", "fast", "-w"]
        run("pg_ctl", arguments, layout.postgres_dir)
        bury(pid)


def _initialise(layout: Layout) -> None:
    """Make the data directory under another name first, so that it is whole."""
    draft = layout.postgres_dir / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    arguments = [
        f"--pgdata={draft}",
        f"--username={ROLE}",
        # Who may reach the socket is decided by its directory, of mode 0700.
        "--auth=trust",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    ]
    run("initdb", arguments, layout.postgres_dir)
    draft.rename(layout.postgres_data)


def _launch(layout: Layout, *, durable: bool) -> None:
    options = [
        f"-k {shlex.quote(str(layout.postgres_sockets))}",
        "-c listen_addresses=''",
        "-c max_connections=200",
        *(() if durable else FORGETFUL),
    ]
    arguments = [
        "start",
        f"--pgdata={layout.postgres_data}",
        f"--log={layout.postgres_dir / 'postgres.log'}",
        f"--options={' '.join(options)}",
        "--wait",
        "--timeout=120",
    ]
    run("pg_ctl", arguments, layout.postgres_dir)


def _postmaster(layout: Layout) -> int | None:
    return serving(layout.postgres_data / "postmaster.pid", layout.postgres_data)


def _create_database(layout: Layout) -> None:
    with psycopg.connect(
        host=str(layout.postgres_sockets),
        user=ROLE,
        dbname="postgres",
        autocommit=True,
        connect_timeout=60,
    ) as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        )
        if known.fetchone() is None:
            name = sql.Identifier(DATABASE)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
