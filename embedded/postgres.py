"""The embedded PostgreSQL: its data directory, its start and its stop."""

import shlex
import shutil
import time

import psycopg
from psycopg import sql

from embedded.layout import DATABASE, ROLE, Layout
from embedded.pids import bury, serving
from embedded.unprivileged import ProgramFailedError, make_directory, run

# A server that was killed first recovers what it had not yet written.
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.05

# What a test writes need not survive a crash of the machine.
FORGETFUL = ("-c fsync=off", "-c synchronous_commit=off", "-c full_page_writes=off")


def start(layout: Layout, *, durable: bool = True) -> None:
    """Start the server if it is not running, and create its database."""
    make_directory(layout.postgres_dir)
    if layout.postgres_sockets != layout.redis_sockets:
        make_directory(layout.postgres_sockets)
    if not (layout.postgres_data / "PG_VERSION").exists():
        _initialise(layout)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (_answers(layout) or _has_started(layout, durable=durable)):
        if time.monotonic() > deadline:
            message = f"PostgreSQL does not answer: {layout.postgres_dir}."
            raise ProgramFailedError(message)
        time.sleep(POLL_SECONDS)
    _create_database(layout)


def stop(layout: Layout) -> None:
    """Stop the server if it is running, and wait until it has ended."""
    pid = _postmaster(layout)
    if pid is not None:
        arguments = ["stop", "-D", str(layout.postgres_data), "-m", "fast", "-w"]
        run("pg_ctl", arguments, layout.postgres_dir)
        bury(pid)


def _initialise(layout: Layout) -> None:
    """Create the data directory under another name first, so that it is complete."""
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


def _has_started(layout: Layout, *, durable: bool) -> bool:
    """Start the server and say so, unless one is on its way up or down.

    For a moment after a server was killed, its processes keep its memory, and a
    start is refused; hence the question whether it was the first.
    """
    if _postmaster(layout) is not None:
        return False
    # What a killed server or a lost machine left; its number may belong to another
    # process by now, or to a dead one whose end nobody asked about, and either is
    # taken for the server that runs.
    pid_file = layout.postgres_data / "postmaster.pid"
    was_killed = pid_file.exists()
    pid_file.unlink(missing_ok=True)
    (layout.postgres_sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
    try:
        _launch(layout, durable=durable)
    except ProgramFailedError:
        if not was_killed:
            raise
        pid_file.touch(mode=0o600)
        return False
    return True


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


def _answers(layout: Layout) -> bool:
    try:
        _connect(layout).close()
    except psycopg.OperationalError:
        return False
    return True


def _connect(layout: Layout) -> psycopg.Connection:
    return psycopg.connect(
        host=str(layout.postgres_sockets),
        user=ROLE,
        dbname="postgres",
        autocommit=True,
        connect_timeout=5,
    )


def _create_database(layout: Layout) -> None:
    with _connect(layout) as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        )
        if known.fetchone() is None:
            name = sql.Identifier(DATABASE)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
