"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import TextIO

from orders.exceptions import OrderError


class NotWritten(OrderError):  # noqa: N818 - a refusal, named as staff would
    """A file that could not be written; what stood under its name still does."""


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Yield a file that takes its name when all of it is on the disk.

    Only its owner may read it, because it holds customers' names and addresses.
    Raises NotWritten where the file system refuses.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise NotWritten(f"{path} is not a file. Give another name.")
    try:
        with _beside(path) as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise NotWritten(f"{path} cannot be written ({reason}).") from error


@contextmanager
def _beside(path: Path) -> Iterator[TextIO]:
    descriptor, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    scratch = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - of a descriptor
            yield file
            file.flush()
            os.fsync(descriptor)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
