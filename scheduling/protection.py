"""Safe deletion: nothing is deleted that is in use, or while it is locked.

A crontab, interval, solar event or clocked time cannot be deleted while a schedule uses
it: django-celery-beat would silently delete those schedules with it. And a schedule is
locked before it is deleted.
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
    """From now on, in this process, refuse to delete such a row while it is in use."""
    for kind, model in KINDS.items():
        pre_delete.connect(
            _refuse_if_in_use, sender=model, dispatch_uid=f"scheduling.protect.{kind}"
        )


def lock_schedules_first() -> None:
    """From now on, in this process, lock a task's Schedule before it is deleted.

    Django's next statement locks the task's Runs. A retry locks the Schedule before
    the Run, so in the opposite order the two would deadlock.
    """
    pre_delete.connect(_lock, sender=PeriodicTask, dispatch_uid="scheduling.lock")


def users_of(row: models.Model, *, using: str = DEFAULT_DB_ALIAS) -> list[PeriodicTask]:
    """Return the schedules that use this crontab, interval etc., by name."""
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
    # If a schedule is pointed at it in the meantime, the foreign key refuses.
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
