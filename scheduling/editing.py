"""Save a person's edit of a schedule, unless somebody else has changed it.

The steps: lock the Schedule, then its task; compare with what the page showed; save the
current state as a version; write the fields that differ and no others. When it last ran
and how often is written by the clock, and never from a page that may be an hour old.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from scheduling import history
from scheduling.clock import database_now
from scheduling.definitions import in_row
from scheduling.exceptions import Refusal
from scheduling.formatting import format_instant
from scheduling.models import Schedule
from scheduling.pausing import lock
from scheduling.shared_rows import references_to
from scheduling.timing import with_schedules

#: The fields of a Schedule that a person may change.
POLICIES = tuple(
    column.name
    for column in Schedule._meta.fields  # noqa: SLF001 - documented by Django
    if column.editable and not column.primary_key
)


class EditedMeanwhile(Refusal):
    """The schedule has changed since the page showed it."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The wanted values: columns of the task, its timing by kind, and policies."""

    fields: Mapping[str, Any]
    timing: dict[str, dict[str, Any]]
    policies: Mapping[str, Any]


def version_of(task: PeriodicTask, clock: Schedule | None) -> str:
    """Return a hash of a schedule's state. It changes with every edit.

    It does not change with a run or a pause, nor when beat discovers the task.
    """
    standing = history.standing_of(task, clock or Schedule())
    said = json.dumps([standing.task, standing.policies], default=str, sort_keys=True)
    return sha256(said.encode()).hexdigest()[:20]


def clock_of(task: PeriodicTask) -> Schedule | None:
    """Return the Schedule of a task; None until beat has discovered it."""
    return Schedule.objects.filter(pk=task.pk).first()


def lock_as_seen(task_id: int, version: str) -> Schedule:
    """Lock a Schedule and its task if they still have this version.

    Returns the Schedule with its task. Raises EditedMeanwhile. Needs a transaction.
    """
    clock = _lock(task_id)
    if clock is None:
        raise EditedMeanwhile(
            "Somebody has deleted this schedule since the page was opened."
        )
    if version_of(clock.periodic_task, clock) != version:
        raise EditedMeanwhile(_tell_of_the_last_change(task_id))
    return clock


@transaction.atomic
def change(clock: Schedule, wanted: Wanted, *, reason: str = "") -> list[str]:
    """Write what differs to a schedule that `lock_as_seen` has locked.

    Returns the names of the fields written. Never writes `last_run_at`. Beat sees it
    by the marker that the database leaves; the stock scheduler is told on commit.
    """
    now = database_now()
    task = clock.periodic_task
    history.note_what_stands(task, clock, at=now)
    # Keep the row if it is equal; of several equal rows, any will do.
    stands = in_row(task)["schedule"] == wanted.timing
    references = {} if stands else references_to(wanted.timing)
    changed = _assign(task, {**wanted.fields, **references})
    policies = _assign(clock, wanted.policies)
    _sign((task, clock), now=now, reason=reason)
    if changed:
        task.no_changes = True
        task.save(update_fields=[*changed, "date_changed"])
        transaction.on_commit(PeriodicTasks.update_changed)
    if policies:
        clock.save(update_fields=policies)
    return changed + policies


@transaction.atomic
def create(task: PeriodicTask, wanted: Wanted) -> None:
    """Insert a schedule with its policies: its first slot is the first from now on.

    Raises IntegrityError where the name is taken.
    """
    now = database_now()
    _assign(task, {**wanted.fields, **references_to(wanted.timing)})
    _sign((task,), now=now)
    task.no_changes = True
    task.save(force_insert=True)
    clock = Schedule(periodic_task=task, anchor=now, changed_at=now, **wanted.policies)
    _sign((clock,), now=now)
    clock.save(force_insert=True)
    transaction.on_commit(PeriodicTasks.update_changed)


def _lock(task_id: int) -> Schedule | None:
    clocks = lock([task_id])
    if not clocks:
        return None
    (clock,) = clocks
    # Beat locks the two in this order. The second lock keeps code and SQL from changing
    # the definition until this is committed, and reads its current state.
    tasks = with_schedules(PeriodicTask.objects.filter(pk=task_id))
    clock.periodic_task = tasks.select_for_update(of=("self",)).get()
    return clock


def _assign(row: PeriodicTask | Schedule, values: Mapping[str, Any]) -> list[str]:
    """Set what differs and return its names."""
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    return changed


def _sign(rows: Collection[Any], *, now: datetime, reason: str = "") -> None:
    """Give the versions of these rows the same date."""
    for row in rows:
        row._history_date = now  # noqa: SLF001 - as django-simple-history asks
        row._change_reason = reason  # noqa: SLF001 - as above


def _tell_of_the_last_change(task_id: int) -> str:
    entries = history.entries_of(task_id)
    by = ""
    if entries and entries[0].changes:
        said = "; ".join(
            f"{one.label}: {one.before} → {one.after}" for one in entries[0].changes
        )
        signed = f"{entries[0].who}, {format_instant(entries[0].at)}"
        by = f" The last change: {signed}: {said}."
    return (
        "This schedule was changed after the page was opened, and nothing was saved."
        f"{by} Open the page again and make your change there."
    )
