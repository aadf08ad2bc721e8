"""Crontabs, intervals and the like: shared by tasks, and therefore never changed."""

from __future__ import annotations

from typing import Any

from scheduling.definitions import KINDS


def references_to(timing: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the four references of a task, of which one is to a row with these fields.

    ``timing`` holds the fields by kind. It takes the oldest such row, not
    `get_or_create`, because the table may contain equal rows. A new row is inserted
    with `bulk_create`, which does not notify the stock scheduler: no task uses it yet,
    and all edits would wait for the row that the notification writes.
    """
    references: dict[str, Any] = dict.fromkeys(KINDS)
    for kind, fields in timing.items():
        rows = KINDS[kind].objects.filter(**fields).order_by("pk")
        if not rows.exists():
            # Solar events are unique: another process may have been faster.
            KINDS[kind].objects.bulk_create(
                [KINDS[kind](**fields)], ignore_conflicts=True
            )
        references[kind] = rows.first()
    return references
