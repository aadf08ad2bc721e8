"""What every test shares: PostgreSQL, Redis and processes, all of them real."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import blocking_manager_key
from redis import Redis

from tests.processes import OwnProcess, StartCelery, StartProcess
from tests.seeding import seed_again

_servers = ExitStack()
_was_set_up = pytest.StashKey[bool]()


def pytest_configure() -> None:
    """Start the embedded servers, unless the environment names others."""
    _servers.enter_context(settings.EMBEDDED_SERVERS.running())


def pytest_unconfigure() -> None:
    """Stop them, unless another test run uses them."""
    _servers.close()


def pytest_runtest_call(item: pytest.Item) -> None:
    """Note that the test has its database, and that it is the test one."""
    item.stash[_was_set_up] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Seed again after a test at whose end every table was emptied.

    After the last one there is no test database any more.
    """
    yield
    if nextitem and _was_set_up in item.stash and _emptied_the_tables(item):
        with item.config.stash[blocking_manager_key].unblock():
            seed_again()


def _emptied_the_tables(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    fixtures = getattr(item, "fixturenames", ())
    return "transactional_db" in fixtures or (
        marker is not None and bool(marker.kwargs.get("transaction"))
    )


@pytest.fixture
def database_url(transactional_db: None) -> str:  # noqa: ARG001 - makes it
    """Return the address of the test database, for a process of its own."""
    to = connection.settings_dict
    user, password, host, name = (
        quote(to[key] or "", safe="") for key in ("USER", "PASSWORD", "HOST", "NAME")
    )
    return f"postgres://{user}:{password}@{host}:{to['PORT']}/{name}"


@pytest.fixture
def redis_url() -> str:
    """Return the address of the test broker, for a process of its own."""
    address: str = settings.REDIS_URL
    return address


@pytest.fixture
def empty_queue(redis_url: str) -> None:
    """Leave nothing in the broker that an earlier test sent."""
    with Redis.from_url(redis_url) as broker:
        broker.flushdb()


@pytest.fixture
def start_process(
    database_url: str,
    redis_url: str,
    empty_queue: None,  # noqa: ARG001 - a worker would take what is there
    tmp_path: Path,
) -> Iterator[StartProcess]:
    """Start `python -m …` on the test's servers; processes end with the test.

    Each says it in a file of its own, whose name begins with the one given.
    """
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        # A file would take precedence, and name the database that is not the test's.
        "DATABASE_URL_FILE": "",
        "REDIS_URL_FILE": "",
        "RUN_DIR": str(tmp_path / "run"),
    }

    numbers = count(1)
    with ExitStack() as processes:

        def start(name: str, *arguments: str) -> OwnProcess:
            log = tmp_path / f"{name}-{next(numbers)}.log"
            return processes.enter_context(OwnProcess(arguments, environment, log))

        yield start


@pytest.fixture
def start_celery(start_process: StartProcess) -> StartCelery:
    """Start `celery -A config …` processes; they end with the test."""

    def start(*arguments: str) -> OwnProcess:
        return start_process(arguments[0], "celery", "-A", "config", *arguments)

    return start


@pytest.fixture
def celery_worker(start_celery: StartCelery) -> OwnProcess:
    """Start a worker with one process for tasks, and wait until it takes them."""
    worker = start_celery("worker", "--concurrency=1", "--without-mingle")
    worker.wait_until_it_says(" ready.")
    return worker
