"""The formats of order files, by the name that staff give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from . import superstore

if TYPE_CHECKING:
    from pathlib import Path


class Read(Protocol):
    """Yield the orders of a file, none of which counts before the last."""

    def __call__(
        self, path: Path, *, on_read: Callable[[int], object] | None = None
    ) -> Iterator[superstore.ImportedOrder]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is read, and what all of its orders have in common."""

    channel: str
    currency: str
    read: Read


FORMATS = {
    "superstore": Format(
        superstore.CHANNEL, superstore.CURRENCY, superstore.read_superstore
    )
}
