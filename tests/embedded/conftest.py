"""Run directories of a test's own, gone with all that was made for them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Layout, prepare
from embedded.remove import remove
from embedded.servers import EmbeddedServers


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """Return a directory that is not there yet, on a path that a socket can have."""
    with tempfile.TemporaryDirectory(prefix="desk-") as parent:
        directory = Path(parent).resolve() / "run"
        yield directory
        if directory.exists():
            assert remove(directory), "something still uses the servers"


@pytest.fixture
def layout(run_dir: Path) -> Layout:
    """Return where the servers of that directory keep their files."""
    return prepare(run_dir)


@pytest.fixture
def servers(layout: Layout) -> EmbeddedServers:
    """Return the servers of that directory, not started."""
    return EmbeddedServers(layout, durable=False)
