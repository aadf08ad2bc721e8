"""Processes on the test's database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.orders.commands import Environment, StartCommand


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> Environment:
    """Return what a process of its own needs to work on the test's database."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "REDIS_URL": settings.REDIS_URL,
        # A file would take precedence, and name the database that is not the test's.
        "DATABASE_URL_FILE": "",
        "REDIS_URL_FILE": "",
        "RUN_DIR": str(tmp_path / "run"),
    }


@pytest.fixture
def start_command(environment: Environment) -> Iterator[StartCommand]:
    """Start `manage.py …` as a process of its own; it ends with the test."""
    with ExitStack() as processes:

        def start(
            *arguments: str, variables: Mapping[str, str] | None = None, **streams: Any
        ) -> subprocess.Popen[str]:
            return processes.enter_context(
                subprocess.Popen(
                    [sys.executable, "manage.py", *arguments],
                    cwd=settings.BASE_DIR,
                    env=environment | dict(variables or {}),
                    text=True,
                    encoding="utf-8",
                    **{"stdout": subprocess.PIPE} | streams,
                )
            )

        yield start
