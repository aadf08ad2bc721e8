"""The formats of order files, by the name that staff give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from . import orderdesk, superstore
from .comparing import Compared

if TYPE_CHECKING:
    from pathlib import Path

    from .imported import ImportedOrder


class Read(Protocol):
    """Yield the orders of a file, none of which counts before the last."""

    def __call__(
        self, path: Path, *, on_read: Callable[[int], object] | None = None
    ) -> Iterator[ImportedOrder]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is read, and what an order that exists must be like."""

    read: Read
    compared: Compared


FORMATS = {
    "orderdesk": Format(orderdesk.read_orderdesk, orderdesk.COMPARED),
    "superstore": Format(superstore.read_superstore, superstore.COMPARED),
}
