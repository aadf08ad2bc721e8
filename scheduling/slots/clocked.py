"""One instant, once."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Clocked:
    """Due at one instant and never again."""

    at: datetime


def first_after(rule: Clocked, after: datetime) -> datetime | None:
    """Return the instant, unless it has come already."""
    return rule.at if rule.at > after else None
