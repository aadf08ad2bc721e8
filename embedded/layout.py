"""Where the embedded servers keep their files, and their addresses."""

import os
import secrets
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from embedded.locks import exclusive
from embedded.programs import postgres_home, redis_server
from embedded.unprivileged import STATE_ROOT, is_needed

DATABASE = ROLE = "order_desk"

# A socket's address holds 107 bytes, and PostgreSQL adds "/.s.PGSQL.5432.lock".
LONGEST_SOCKET_DIRECTORY = 100 - len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class Layout:
    """The files of the servers of one run directory."""

    run_dir: Path
    postgres_dir: Path
    postgres_sockets: Path
    redis_sockets: Path
    redis_port: int | None

    @property
    def control_lock(self) -> Path:
        """Held while servers are started or stopped."""
        return self.run_dir / "control.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by all processes that use the servers."""
        return self.run_dir / "users.lock"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.postgres_dir / "data"

    @property
    def redis_data(self) -> Path:
        """Redis's working directory."""
        return self.run_dir / "redis"

    @property
    def redis_socket(self) -> Path:
        """Redis's socket, where it has one."""
        return self.redis_sockets / "redis.sock"

    @property
    def database_url(self) -> str:
        """The embedded PostgreSQL, over its socket."""
        host = quote(str(self.postgres_sockets), safe="")
        return f"postgres://{ROLE}@{host}/{DATABASE}"

    @property
    def redis_url(self) -> str:
        """The embedded Redis, database 0."""
        if self.redis_port is not None:
            return f"redis://127.0.0.1:{self.redis_port}/0"
        return f"unix://{quote(str(self.redis_socket))}?db=0"


def prepare(run_dir: Path) -> Layout:
    """Create the run directory if it is missing, and return its layout.

    The same directory gives the same layout in every process: random values are
    generated once and saved. Raises NotInstalledError if the wheels are missing, and
    creates nothing then.
    """
    postgres_home()
    run_dir = _private(run_dir)
    with exclusive(run_dir / "layout.lock"):
        sockets = _socket_directory(run_dir)
        postgres_dir = run_dir / "postgres"
        postgres_sockets = sockets
        if is_needed():
            postgres_dir = STATE_ROOT / _written_once(
                run_dir / "instance", secrets.token_hex(8)
            )
            postgres_sockets = postgres_dir / "sockets"
        return Layout(
            run_dir=run_dir,
            postgres_dir=postgres_dir,
            postgres_sockets=postgres_sockets,
            redis_sockets=sockets,
            redis_port=None if redis_server() else _redis_port(run_dir),
        )


def secret_key(run_dir: Path) -> str:
    """Return this run directory's own SECRET_KEY, generated on first use."""
    run_dir = _private(run_dir)
    with exclusive(run_dir / "layout.lock"):
        return _written_once(run_dir / "secret_key", secrets.token_urlsafe(50))


def _private(run_dir: Path) -> Path:
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return run_dir.resolve()


def _written_once(path: Path, value: str) -> str:
    """Return the content of the file; write the value if there is no file."""
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(f"{value}\n")
        draft.replace(path)
    return path.read_text().strip()


def _socket_directory(run_dir: Path) -> Path:
    sockets = run_dir / "sockets"
    if len(os.fsencode(sockets)) <= LONGEST_SOCKET_DIRECTORY:
        sockets.mkdir(mode=0o700, exist_ok=True)
        return sockets
    # Elsewhere then, behind a link that every process follows. If a reboot has
    # cleared the temporary directory, it is created again.
    if not sockets.is_dir():
        sockets.unlink(missing_ok=True)
        sockets.symlink_to(tempfile.mkdtemp(prefix="order-desk-"))
    return sockets.readlink()


def _redis_port(run_dir: Path) -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    return int(_written_once(run_dir / "redis.port", str(free)))
