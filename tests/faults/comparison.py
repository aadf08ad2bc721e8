"""The table in which two schedulers stand beside each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PROPERTY = "fault of the clock"


@dataclass(frozen=True)
class Outcome:
    """How a scheduler stood a fault: which bodies ran of those that should have."""

    expected: int
    ran: int
    beats_ended: int

    @property
    def verdict(self) -> str:
        if self.beats_ended:
            return "stopped"
        if self.ran < self.expected:
            return "lost"
        return "doubled" if self.ran > self.expected else "held"

    def __str__(self) -> str:
        told = f"{self.ran} of {self.expected}"
        return told if self.verdict == "held" else f"**{self.verdict}**: {told}"


def table(recorded: Iterable[tuple[str, str, str]]) -> str:
    """Return a table in Markdown of faults, schedulers and outcomes, or ''."""
    rows: dict[str, dict[str, str]] = {}
    for fault, scheduler, outcome in recorded:
        rows.setdefault(fault, {})[scheduler] = outcome
    if not rows:
        return ""
    schedulers = sorted({name for row in rows.values() for name in row})
    lines = [["fault", *schedulers], ["---"] * (len(schedulers) + 1)]
    for fault, row in rows.items():
        lines.append([fault, *(row.get(name, "") for name in schedulers)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
