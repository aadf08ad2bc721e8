"""A schedule's definition, field by field: in the table, in the record, in its row.

The fields are `task`, `description`, every option that staff can edit, and `schedule`:
the kinds of schedule that the task has (one, if it is valid) with their fields. The
latter is a single field, because half of an old crontab and half of a new one is
neither.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Cast
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduling.defaults import DefaultSchedule

Definition = dict[str, Any]

KINDS = {
    "interval": IntervalSchedule,
    "crontab": CrontabSchedule,
    "solar": SolarSchedule,
    "clocked": ClockedSchedule,
}
OPTIONS = tuple(
    field.name
    for field in PeriodicTask._meta.fields  # noqa: SLF001 - documented by Django
    if field.editable
    and not field.primary_key
    and field.name not in {"name", "task", "description", *KINDS}
)


def in_table(default: DefaultSchedule) -> Definition:
    """Return the definition in the table of defaults."""
    return in_record(to_record(default))


def to_record(default: DefaultSchedule) -> dict[str, Any]:
    """Return what a default sets, in the form that AppliedDefault keeps."""
    schedule = asdict(default.schedule)
    if default.schedule.kind == "crontab":
        schedule["timezone"] = settings.BUSINESS_TIME_ZONE
    return {
        "task": default.task,
        default.schedule.kind: schedule,
        "description": default.description,
    }


def in_record(record: dict[str, Any]) -> Definition:
    """Return the definition that was applied; other fields are as in a new row."""
    return _options(PeriodicTask()) | {
        "task": record["task"],
        "schedule": {kind: record[kind] for kind in KINDS if kind in record},
        "description": record["description"],
    }


def in_row(task: PeriodicTask) -> Definition:
    """Return the definition in the database. Fetches the row of the schedule."""
    schedules = {kind: getattr(task, kind) for kind in KINDS}
    return _options(task) | {
        "task": task.task,
        "schedule": {kind: _fields(row) for kind, row in schedules.items() if row},
        "description": task.description,
    }


def tolerate_unknown_zone(task: PeriodicTask) -> None:
    """If a task's time zone does not exist, load its crontab with the zone as text.

    Otherwise not even the name of such a task could be shown: its str() reads the
    zone. One query, or two for an unknown zone.
    """
    try:
        str(task.crontab)
    except ValidationError:
        crontab = with_zone_names(CrontabSchedule.objects).get(pk=task.crontab_id)
        show_zone_names([crontab])
        task.crontab = crontab


def with_zone_names(
    crontabs: models.Manager[CrontabSchedule] | models.QuerySet[CrontabSchedule],
) -> models.QuerySet[CrontabSchedule]:
    """Read zones as text: a single unknown one would make the whole query fail."""
    zone_name = Cast("timezone", models.CharField())
    named: models.QuerySet[CrontabSchedule] = crontabs.defer("timezone").annotate(
        zone_name=zone_name
    )
    return named


def show_zone_names(crontabs: Iterable[CrontabSchedule]) -> None:
    """Use the text as the zone of rows that `with_zone_names` has read."""
    for crontab in crontabs:
        _set_zone(crontab, crontab.zone_name)


def row_of(kind: str, fields: Mapping[str, Any]) -> models.Model:
    """Return an unsaved row with these fields; its zone need not exist any more."""
    others = {name: value for name, value in fields.items() if name != "timezone"}
    row: models.Model = KINDS[kind](**others)
    if "timezone" in fields:
        _set_zone(row, fields["timezone"])
    return row


def in_words(field: str, value: Any) -> str:  # noqa: ANN401 - of any field
    """Return a value of a definition as an operator reads it."""
    if field == "schedule":
        rows = (row_of(kind, fields) for kind, fields in value.items())
        return " and ".join(str(row) for row in rows) or "none"
    return repr(value) if isinstance(value, str) else str(value)


def _options(task: PeriodicTask) -> dict[str, Any]:
    """Return the options; empty strings, which forms leave, count as unset."""
    new_row = PeriodicTask()
    found = {name: getattr(task, name) for name in OPTIONS}
    return {
        name: getattr(new_row, name) if value in ("", None) else value
        for name, value in found.items()
    }


def _set_zone(crontab: models.Model, name: str) -> None:
    # Bypasses the column's descriptor, which would look the zone up.
    crontab.__dict__["timezone"] = name


def _fields(schedule: models.Model) -> dict[str, Any]:
    found = {
        field.name: getattr(schedule, field.name)
        for field in schedule._meta.fields  # noqa: SLF001 - documented by Django
        if not field.primary_key
    }
    # A zone is known by its name: two objects of one zone need not be equal.
    return (
        found | {"timezone": str(found["timezone"])} if "timezone" in found else found
    )
