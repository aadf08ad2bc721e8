"""Bring django-celery-beat's tables in line with the table of defaults."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from scheduling.defaults import DEFAULT_SCHEDULES, DefaultSchedule
from scheduling.models import AppliedDefault


@dataclass(frozen=True, kw_only=True)
class SeededSchedule:
    """What became of one default: `created` just now, or found as it stands."""

    name: str
    created: bool


def apply_defaults(
    defaults: Iterable[DefaultSchedule] = DEFAULT_SCHEDULES,
) -> list[SeededSchedule]:
    """Create the schedules of the table that do not exist, by name.

    A schedule that exists is left as it stands, whatever staff made of it. Idempotent;
    of processes that do this at the same moment one creates a schedule, and the others
    find it.
    """
    return [
        SeededSchedule(name=default.name, created=_ensure(default))
        for default in defaults
    ]


@transaction.atomic
def _ensure(default: DefaultSchedule) -> bool:
    """Return whether the schedule was missing and has been created.

    One transaction a schedule: an edit in Admin locks its own schedule and then the
    row that tells beat, so two schedules in one transaction could deadlock with it.
    """
    if _exists(default) or not _create(default):
        return False
    AppliedDefault.objects.update_or_create(
        name=default.name,
        defaults={
            "definition": _definition(default),
            "applied_at": timezone.now(),
        },
    )
    return True


def _exists(default: DefaultSchedule) -> bool:
    return bool(PeriodicTask.objects.filter(name=default.name).exists())


def _create(default: DefaultSchedule) -> bool:
    """Create the schedule, unless somebody else has created its name meanwhile.

    The unique name decides. The model's validation sees a row that is committed by
    then, the table one that comes later; the crontab goes back with the lost schedule.
    """
    try:
        with transaction.atomic():
            PeriodicTask.objects.create(
                name=default.name,
                task=default.task,
                crontab=_crontab_row(default),
                description=default.description,
            )
    except (IntegrityError, ValidationError):
        if not _exists(default):
            raise
        return False
    return True


def _crontab_row(default: DefaultSchedule) -> CrontabSchedule:
    """Return the oldest row with these fields, or a new one.

    Not `get_or_create`: the table may hold the same crontab twice.
    """
    fields = _crontab_fields(default)
    oldest = CrontabSchedule.objects.filter(**fields).order_by("pk").first()
    return oldest or CrontabSchedule.objects.create(**fields)


def _crontab_fields(default: DefaultSchedule) -> dict[str, str]:
    return asdict(default.crontab) | {"timezone": settings.BUSINESS_TIME_ZONE}


def _definition(default: DefaultSchedule) -> dict[str, Any]:
    """Return what was applied, in the form that AppliedDefault keeps."""
    return {
        "task": default.task,
        "crontab": _crontab_fields(default),
        "description": default.description,
    }
