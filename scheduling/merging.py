"""The three-way merge of a schedule: pure, field by field."""

from dataclasses import dataclass
from typing import Any

from scheduling.definitions import Definition


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A field in which a schedule differs from the table."""

    field: str
    standing: Any
    default: Any


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Which differences are moved to the table's value, and which staff decided."""

    moved: tuple[Difference, ...]
    kept: tuple[Difference, ...]


def merge(
    *, applied: Definition | None, standing: Definition, default: Definition
) -> Merge:
    """Move the fields that are still as they were applied; keep the others.

    Without `applied` it is not known what staff changed, so everything is kept.
    """
    differences = [
        Difference(field=field, standing=standing[field], default=value)
        for field, value in default.items()
        if standing[field] != value
    ]
    left_alone = {
        difference.field
        for difference in differences
        if applied is not None and applied[difference.field] == difference.standing
    }
    return Merge(
        moved=tuple(one for one in differences if one.field in left_alone),
        kept=tuple(one for one in differences if one.field not in left_alone),
    )
