"""Ask a process of its own what it makes of an environment."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

KEY = "k" * 10 + "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ"
SERVERS = {
    "DATABASE_URL": "postgres://desk:p%40ss@db:5432/desk",
    "REDIS_URL": "redis://:word@redis:6379/3",
}

# Of the tests' own environment, what a program needs to be found and to run.
NEEDED = {
    name: os.environ[name]
    for name in ("PATH", "HOME", "LD_LIBRARY_PATH")
    if name in os.environ
}


def ask_settings(*names: str, **environment: str) -> dict[str, Any]:
    """Return the settings of these names under this environment, and a valid key."""
    program = (
        "import json, sys; from django.conf import settings;"
        "answer = {name: getattr(settings, name) for name in sys.argv[1:]};"
        "print(json.dumps(answer, default=str))"
    )
    done = run_python(
        ["-c", program, *names], **{"SECRET_KEY": KEY} | SERVERS | environment
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def refusal(**environment: str) -> str:
    """Return the one line that `manage.py version` ends with under a bad setting."""
    done = run_python(["manage.py", "version"], **SERVERS | environment)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    [line] = done.stderr.splitlines()
    return line


def run_python(
    arguments: list[str], **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in the project's directory, with nothing else set."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=Path(settings.BASE_DIR),
        env={**NEEDED, "DJANGO_SETTINGS_MODULE": "config.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
