"""PostgreSQL and Redis run for as long as somebody uses them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
from django.conf import settings
from redis import Redis

from embedded.layout import LONGEST_SOCKET_DIRECTORY, Layout, prepare, secret_key
from embedded.pids import serving
from embedded.remove import remove
from embedded.servers import EmbeddedServers
from embedded.unprivileged import make_directory


def postmaster(layout: Layout) -> int | None:
    return serving(layout.postgres_data / "postmaster.pid", layout.postgres_data)


def redis_process(layout: Layout) -> int | None:
    return serving(layout.redis_data / "redis.pid", layout.redis_data)


def ask(layout: Layout, statement: str) -> str:
    with psycopg.connect(layout.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
    return str(row[0]) if row else ""


def start_and_be_killed(layout: Layout) -> None:
    """Start the servers in another process, which SIGKILL ends while it uses them."""
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from embedded import EmbeddedServers, prepare\n"
        "with EmbeddedServers(prepare(Path(sys.argv[1])), durable=False).running():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, layout.run_dir],
        cwd=settings.BASE_DIR,
        check=False,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL


def test_servers_answer_inside_and_are_gone_after(
    servers: EmbeddedServers, layout: Layout
) -> None:
    with servers.running():
        assert ask(layout, "SELECT current_database()") == "order_desk"
        with Redis.from_url(layout.redis_url) as client:
            assert client.ping()
        processes = [postmaster(layout), redis_process(layout)]

    assert None not in processes
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)


def test_a_second_start_keeps_the_data(
    servers: EmbeddedServers, layout: Layout
) -> None:
    with servers.running():
        ask(layout, "CREATE TABLE kept AS SELECT 17 AS number")
        with Redis.from_url(layout.redis_url) as client:
            client.set("kept", "17")

    with servers.running():
        assert ask(layout, "SELECT number FROM kept") == "17"
        with Redis.from_url(layout.redis_url) as client:
            assert client.get("kept") == (None if servers.has_fake_redis else b"17")


def test_the_last_to_leave_stops_the_servers(
    servers: EmbeddedServers, layout: Layout
) -> None:
    with servers.running():
        first = postmaster(layout)
        with servers.running():
            assert postmaster(layout) == first
            assert not servers.stop_if_unused()
        assert ask(layout, "SELECT 1") == "1"
    assert postmaster(layout) is None


def test_servers_whose_user_was_killed_are_taken_over(
    servers: EmbeddedServers, layout: Layout
) -> None:
    start_and_be_killed(layout)
    left = postmaster(layout)

    with servers.running():
        assert left is not None
        assert postmaster(layout) == left

    assert postmaster(layout) is None
    assert redis_process(layout) is None


def test_killed_servers_start_again(servers: EmbeddedServers, layout: Layout) -> None:
    start_and_be_killed(layout)
    for pid in (postmaster(layout), redis_process(layout)):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    with servers.running():
        assert ask(layout, "SELECT 1") == "1"
        with Redis.from_url(layout.redis_url) as client:
            assert client.ping()


def test_a_number_that_is_another_process_now_is_not_the_server(
    servers: EmbeddedServers, layout: Layout
) -> None:
    with servers.running():
        lines = (layout.postgres_data / "postmaster.pid").read_text().splitlines()
    stale = "\n".join([str(os.getpid()), *lines[1:], ""])
    (layout.postgres_data / "postmaster.pid").write_text(stale)
    (layout.redis_data / "redis.pid").write_text(f"{os.getpid()}\n")

    with servers.running():
        assert ask(layout, "SELECT 1") == "1"


def test_an_initialisation_that_broke_off_is_begun_again(
    servers: EmbeddedServers, layout: Layout
) -> None:
    make_directory(layout.postgres_dir)
    (layout.postgres_dir / "draft").mkdir()
    (layout.postgres_dir / "draft" / "PG_VERSION").write_text("18\n")

    with servers.running():
        assert ask(layout, "SELECT 1") == "1"


def test_sigterm_stops_the_servers_too(layout: Layout) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from embedded import EmbeddedServers, prepare\n"
        "with EmbeddedServers(prepare(Path(sys.argv[1])), durable=False).running():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    signal.pause()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, layout.run_dir],
        cwd=settings.BASE_DIR,
        check=False,
        timeout=120,
    )

    assert done.returncode == 128 + signal.SIGTERM
    assert postmaster(layout) is None
    assert redis_process(layout) is None


def test_only_the_one_that_is_asked_for_is_started(layout: Layout) -> None:
    with EmbeddedServers(layout, postgres=False).running():
        assert postmaster(layout) is None
        assert redis_process(layout) is not None


def test_a_path_too_long_for_a_socket_gets_a_short_one(run_dir: Path) -> None:
    deep = prepare(run_dir / ("d" * 60) / ("e" * 60))
    again = prepare(run_dir / ("d" * 60) / ("e" * 60))
    try:
        assert len(bytes(deep.redis_sockets)) <= LONGEST_SOCKET_DIRECTORY
        assert again == deep
        with EmbeddedServers(deep, durable=False).running():
            assert ask(deep, "SELECT 1") == "1"
    finally:
        assert remove(deep.run_dir)
    assert not deep.redis_sockets.exists()


def test_what_is_made_is_for_the_owner_alone(
    servers: EmbeddedServers, layout: Layout
) -> None:
    with servers.running():
        private = [
            *(layout.run_dir, layout.postgres_dir, layout.postgres_data),
            *(layout.postgres_sockets, layout.redis_sockets, layout.redis_data),
        ]
        modes = {path: path.stat().st_mode & 0o777 for path in private}

    assert modes == dict.fromkeys(private, 0o700)


def test_a_run_directory_has_one_secret_key(run_dir: Path) -> None:
    first = secret_key(run_dir)

    assert secret_key(run_dir) == first
    assert len(first) >= 50
    assert (run_dir / "secret_key").stat().st_mode & 0o777 == 0o600


def test_servers_in_use_are_not_removed(
    servers: EmbeddedServers, layout: Layout
) -> None:
    with servers.running():
        assert not remove(layout.run_dir)
        assert ask(layout, "SELECT 1") == "1"


def test_postgres_is_never_root(servers: EmbeddedServers, layout: Layout) -> None:
    with servers.running():
        owner = Path(f"/proc/{postmaster(layout)}").stat().st_uid

    assert owner != 0
