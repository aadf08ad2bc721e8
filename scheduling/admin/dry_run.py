"""What a task would do now, by its own word: asked by a form, and nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import DatabaseError, connection, transaction

from scheduling import registry
from scheduling.parameters import Json
from scheduling.registry import SchedulableTask

from .task_form import TaskForm, parsed, with_arguments

if TYPE_CHECKING:
    from django.http import QueryDict

TIMEOUT = "10s"


@dataclass(frozen=True)
class Told:
    """What the task says, or why it cannot say anything."""

    sentence: str
    is_refusal: bool = False


def foretell(data: QueryDict) -> Told:
    """Return what the task that is chosen would do now with what is entered."""
    form = with_arguments(TaskForm)(data)
    if not form.is_valid():
        sentences = [str(one) for errors in form.errors.values() for one in errors]
        return Told(" ".join(sentences), is_refusal=True)
    task = registry.find(form.cleaned_data["task"])
    if task is None or task.dry_runner is None:
        return Told("This task cannot tell what it would do.")
    try:
        said = _read_only(task, parsed(form.cleaned_data["kwargs"]))
    # What a task raises for arguments that it cannot use, or that take too long.
    except (ValueError, LookupError, DatabaseError) as error:
        return Told(f"It could not be tried: {error}", is_refusal=True)
    return Told(said or "This task cannot tell what it would do.")


def _read_only(task: SchedulableTask, arguments: dict[str, Json]) -> str | None:
    """Ask the task where PostgreSQL lets nobody write, nor wait for long."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [TIMEOUT]
            )
        said = task.dry_run(**arguments)
        # So that an outer transaction, if there is one, may write again.
        transaction.set_rollback(True)
    return said
