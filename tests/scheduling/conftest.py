"""Processes of Celery for the tests of the clock."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from tests.scheduling.processes import CeleryProcess, StartCelery


@pytest.fixture
def start_celery(
    transactional_db: None,  # noqa: ARG001 - the processes see committed rows alone
    tmp_path: Path,
) -> Iterator[StartCelery]:
    """Start `celery -A config …` processes; they end with the test."""
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
    }

    with ExitStack() as processes:

        def start(*arguments: str) -> CeleryProcess:
            log = tmp_path / f"{arguments[0]}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", "celery", "-A", "config", *arguments],
                    env=environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            return processes.enter_context(CeleryProcess(process, log))

        yield start


def database_url() -> str:
    """Return the address of the test database, which the environment cannot know."""
    to = connection.settings_dict
    user, password, host, name = (
        quote(to[key] or "", safe="") for key in ("USER", "PASSWORD", "HOST", "NAME")
    )
    return f"postgres://{user}:{password}@{host}:{to['PORT']}/{name}"
