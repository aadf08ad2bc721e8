"""Drive the running stack as its operator would: compose, docker and manage.py."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
# Long enough for the slowest machine; nothing passes by waiting it out.
GUARD_SECONDS = 300
POLL_SECONDS = 0.5
# `docker kill` would count as the operator's wish and leave the container stopped. The
# number is the engine's own, so the killer looks at the engine's table of processes.
KILLER = ["docker", "run", "--rm", "--pid=host", "--user=0", "--entrypoint=sh"]

Found = TypeVar("Found")


@dataclass(frozen=True)
class Stack:
    """One compose project that is up, and whose web service answers at `url`."""

    project: str
    url: str

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run a command on this machine and return what it prints.

        Raises AssertionError with the command's errors when it fails.
        """
        done = self._attempt(command, stdin)
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def compose(self, *arguments: str, stdin: str | None = None, over: str = "") -> str:
        """Run `docker compose` on this project, without anybody's .env.

        ``over`` names a file that is laid over the project's own.
        """
        files = ("--file=docker-compose.yml", f"--file={over}") if over else ()
        return self.run(*self._compose(), *files, *arguments, stdin=stdin)

    def up(self, *arguments: str, over: str = "") -> None:
        """Bring everything up, and return when all of it is healthy."""
        self.compose("up", "--detach", "--wait", *arguments, over=over)

    def exec(
        self, service: str, *command: str, stdin: str | None = None, over: str = ""
    ) -> str:
        """Run a command in a service's container."""
        call = ("exec", "--no-TTY", service, *command)
        return self.compose(*call, stdin=stdin, over=over)

    def fails(self, service: str, *command: str) -> str:
        """Run a command that has to fail in a service's container; its errors."""
        done = self._attempt((*self._compose(), "exec", "--no-TTY", service, *command))
        assert done.returncode != 0, f"{command} did not fail:\n{done.stdout}"
        return done.stderr

    def manage(self, *arguments: str) -> str:
        """Run a management command in the web service's container."""
        return self.exec("web", "python", "manage.py", *arguments)

    def shell(self, code: str) -> str:
        """Run Python in the project's shell, and return what it prints."""
        return self.manage("shell", "--no-imports", "--command", code).strip()

    def sql(self, statement: str, **values: str) -> list[list[str]]:
        """Run a statement in the stack's database; its rows, every value as text.

        A value is named in it as psql does, ``:'name'``. None that it returns may hold
        a | or a line break.
        """
        printed = self.exec(
            *("db", "psql", "--username=order_desk", "--dbname=order_desk"),
            *("--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
            *(f"--set={name}={value}" for name, value in values.items()),
            "--set=ON_ERROR_STOP=1",
            stdin=statement,
        )
        return [line.split("|") for line in printed.splitlines()]

    def kill(self, container: dict[str, Any]) -> None:
        """Kill a container's main process as a crash would, by SIGKILL."""
        kill = f"kill -KILL {container['State']['Pid']}"
        self.run(*KILLER, "postgres:17", "-c", kill)

    def put(self, file: Path) -> str:
        """Copy a text file into the web service's container; its path there."""
        path = f"/tmp/{file.name}"  # noqa: S108 - the only folder it can write to
        self.exec("web", "sh", "-c", f"cat > {path}", stdin=file.read_text("utf-8"))
        return path

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """Return `docker inspect` of the services' containers, stopped ones too."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", *ids))
        return found

    def container(self, service: str) -> dict[str, Any]:
        """Return `docker inspect` of a service's only container."""
        (container,) = self.containers(service)
        return container

    def wait_for(
        self, probe: Callable[[], Found | None], *, guard: float = GUARD_SECONDS
    ) -> Found:
        """Ask until `probe` returns something true, and return that.

        Raises AssertionError when `guard` seconds have passed.
        """
        give_up_at = time.monotonic() + guard
        while time.monotonic() < give_up_at:
            if found := probe():
                return found
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"not within {guard} seconds: {probe}")

    def _compose(self) -> tuple[str, ...]:
        return ("docker", "compose", "--env-file", "/dev/null", "-p", self.project)

    def _attempt(
        self, command: Sequence[str], stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=ROOT,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=GUARD_SECONDS,
            check=False,
        )
