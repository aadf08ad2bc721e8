"""Put figures beside their gates: as a table for people, as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import django
import psycopg
from django.db import connection

from .dataset import BYSTANDERS, SEED, SKUS


@dataclass(frozen=True)
class Spread:
    """The same figure, once a round."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.values)

    def shown(self, scale: float = 1, digits: int = 2) -> str:
        middle, low, high = (
            f"{value * scale:,.{digits}f}"
            for value in (self.median, min(self.values), max(self.values))
        )
        return f"{middle} ({low} to {high})"


@dataclass(frozen=True)
class Gate:
    """What the median of a figure must reach, or must not exceed."""

    name: str
    figure: Spread
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"

    @property
    def is_reached(self) -> bool:
        value = self.figure.median
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}"
        return f"≤ {self.at_most:.3g} {self.unit}"

    def row(self) -> list[str]:
        verdict = "reached" if self.is_reached else "MISSED"
        return [self.name, f"{self.figure.shown()} {self.unit}", self.bound, verdict]


@dataclass
class Answer:
    """What one question came to: what was measured, then the gates."""

    question: str
    columns: Sequence[str]
    rows: list[list[str]]
    gates: list[Gate]
    raw: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> str:
        gates = [gate.row() for gate in self.gates]
        return "\n\n".join(
            (
                f"## {self.question}",
                table(self.columns, self.rows),
                table(("gate", "median (min to max)", "bound", ""), gates),
            )
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "measured": self.raw,
            "gates": [
                {
                    "name": gate.name,
                    "values": list(gate.figure.values),
                    "median": gate.figure.median,
                    "bound": gate.bound,
                    "reached": gate.is_reached,
                }
                for gate in self.gates
            ],
        }


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return the ratio of two figures round by round."""
    return Spread([a / b for a, b in zip(above, below, strict=True)])


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table in Markdown, the columns aligned."""
    lines = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "| "
        + " | ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        )
        + " |"
        for line in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def surroundings() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (postgres,) = cursor.fetchone()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": f"{_memory_in_gib():.0f} GiB",
        "kernel": platform.release(),
        "load average": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "django": django.get_version(),
        "psycopg": psycopg.__version__,
        "postgresql": postgres,
        "seed": SEED,
        "data": f"two lines an order on {SKUS} SKUs; of five orders four are overdue"
        f" and one is {', '.join(BYSTANDERS[:-1])} or {BYSTANDERS[-1]}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory_in_gib() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) / 2**30


def write_json(
    directory: Path, about: dict[str, Any], answers: Sequence[Answer]
) -> Path:
    """Write everything that was measured; return the file's path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{about['at'].replace(':', '')}.json"
    content = about | {"answers": [answer.as_json() for answer in answers]}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path
