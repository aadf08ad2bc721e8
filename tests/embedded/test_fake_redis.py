import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis

from embedded.pids import serving


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
    return number


def test_fakeredis_serves_a_queue_until_it_is_asked_to_stop(
    tmp_path: Path, port: int
) -> None:
    pid_file = tmp_path / "redis.pid"
    subprocess.run(
        [sys.executable, "-m", "embedded.fake_redis", str(port), tmp_path, pid_file],
        cwd=settings.BASE_DIR,
        check=True,
        timeout=60,
    )
    client = Redis(port=port, socket_timeout=10)

    client.lpush("queue", "message")
    assert client.brpop(["queue"], timeout=5) == (b"queue", b"message")
    pid = serving(pid_file, tmp_path)
    assert pid is not None
    os.kill(pid, signal.SIGTERM)

    deadline = time.monotonic() + 30
    while serving(pid_file, tmp_path) is not None:
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.02)
    client.close()
