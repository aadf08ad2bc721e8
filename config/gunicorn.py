"""How gunicorn serves the site; the address comes from --bind or PORT."""

from pathlib import Path

# Threads share their process's pool of connections; see DATABASE_POOL_SIZE.
worker_class = "gthread"
workers = 2
threads = 4
# Set before a worker loads the settings: only the web has use for a pool.
raw_env = [f"DATABASE_POOL_SIZE={threads}"]

timeout = 60
graceful_timeout = 30
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000

# On a disk, the workers' heartbeat file can block for seconds under load.
_memory = Path("/dev/shm")  # noqa: S108 - the mount of shared memory, not a scratch file
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
# It would be a socket in $HOME, which a read-only container does not have.
control_socket_disable = True

accesslog = "-"
# No query string and no referrer: a search in Admin can hold a customer's name.
access_log_format = "%(t)s web %(m)s %(U)s status=%(s)s bytes=%(B)s ms=%(M)s"


def worker_exit(_server: object, _worker: object) -> None:
    """Close the pool while its threads can still end.

    At the interpreter's end each would be waited for in vain, for five seconds.
    """
    # This file is read before there are settings to ask.
    from django.db import connection  # noqa: PLC0415

    connection.close_pool()  # type: ignore[attr-defined] # PostgreSQL's alone has it
