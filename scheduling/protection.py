"""What is in use is not deleted, or not in the middle of its use.

A row that says when stays while a schedule goes by it: django-celery-beat would delete
those schedules with it, without a word. And a schedule is deleted by whoever holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import ProtectedError
from django.db.models.signals import pre_delete
from django_celery_beat.models import PeriodicTask

from scheduling.definitions import KINDS
from scheduling.models import Schedule

MOST_NAMED = 3

_KIND_OF = {model: kind for kind, model in KINDS.items()}


def protect_rows_in_use() -> None:
    """Refuse from now on, in this process, to delete such a row in use."""
    for kind, model in KINDS.items():
        pre_delete.connect(
            _refuse_if_in_use, sender=model, dispatch_uid=f"scheduling.protect.{kind}"
        )


def lock_schedules_first() -> None:
    """From now on, in this process, lock a task's Schedule before it is deleted.

    Django's next statement has the task's Runs; who retries one of them takes the
    Schedule before it, and the two would wait for each other.
    """
    pre_delete.connect(_lock, sender=PeriodicTask, dispatch_uid="scheduling.lock")


def users_of(row: models.Model, *, using: str = DEFAULT_DB_ALIAS) -> list[PeriodicTask]:
    """Return the schedules that go by this interval, crontab ..., by name."""
    goes_by = {_KIND_OF[type(row)]: row.pk}
    return list(PeriodicTask.objects.using(using).filter(**goes_by).order_by("name"))


def refusal(row: models.Model, users: Sequence[PeriodicTask]) -> str:
    """Return why a row that is in use cannot be deleted, and what to do."""
    names = [f"“{task.name}”" for task in users[:MOST_NAMED]]
    if len(users) > MOST_NAMED:
        names.append(f"{len(users) - MOST_NAMED:,} more")
    return (
        f"“{row}” cannot be deleted: it is in use by {_listed(names)}. "
        "Put them on another schedule first."
    )


def _refuse_if_in_use(
    instance: models.Model,
    using: str,
    **_signal: Any,  # noqa: ANN401 - Django's signature
) -> None:
    # A schedule that is put on it meanwhile is the foreign key's to refuse.
    users = users_of(instance, using=using)
    if users:
        raise ProtectedError(refusal(instance, users), set(users))


def _lock(
    instance: PeriodicTask,
    using: str,
    **_signal: Any,  # noqa: ANN401 - Django's signature
) -> None:
    Schedule.objects.using(using).select_for_update().filter(pk=instance.pk).first()


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
