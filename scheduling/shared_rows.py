"""The rows that say when: shared by the tasks that go by them, and so never changed."""

from __future__ import annotations

from typing import Any

from scheduling.definitions import KINDS


def references_to(timing: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a task's four references: to a row with these fields, and to no other.

    ``timing`` holds the fields by kind. The oldest such row, not `get_or_create`: the
    table may hold the same twice. A new one is inserted in bulk, which beat is not
    told of: until a task goes by it there is nothing to tell, and the row by which
    the stock scheduler is told is one that everybody's edits would wait for.
    """
    references: dict[str, Any] = dict.fromkeys(KINDS)
    for kind, fields in timing.items():
        rows = KINDS[kind].objects.filter(**fields).order_by("pk")
        if not rows.exists():
            # Solar events are unique: somebody may have been faster.
            KINDS[kind].objects.bulk_create(
                [KINDS[kind](**fields)], ignore_conflicts=True
            )
        references[kind] = rows.first()
    return references
