"""When a PeriodicTask is due, according to its rows."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduling import slots, wording
from scheduling.definitions import KINDS
from scheduling.slots import (
    Clocked,
    Crontab,
    Interval,
    InvalidTimingError,
    Solar,
    Timing,
)

_OPTIONS = ("enabled", "one_off", "start_time", "expires")
# A crontab's zone is read apart: see _zone_name.
_FIELDS: dict[type[models.Model], tuple[str, ...]] = {
    IntervalSchedule: ("every", "period"),
    CrontabSchedule: ("minute", "hour", "day_of_month", "month_of_year", "day_of_week"),
    SolarSchedule: ("event", "latitude", "longitude"),
    ClockedSchedule: ("clocked_time",),
}


def with_schedules(tasks: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
    """Read the tasks' schedules with them, in one statement.

    A zone that does not exist would make the whole statement fail, so zones are read
    as text; then an unknown one affects only its own task.
    """
    zone_name = Cast("crontab__timezone", CharField())
    with_rows = tasks.select_related(*KINDS).defer("crontab__timezone")
    named: QuerySet[PeriodicTask] = with_rows.annotate(crontab_zone=zone_name)
    return named


def timing_of(task: PeriodicTask, anchor: datetime) -> Timing:
    """Return when the task is due; ``anchor`` is the origin of an interval's grid.

    Raises InvalidTimingError if the timing is not valid. Its ``field`` is
    ``schedule`` if none is set, or several are.
    """
    timing = Timing(
        rule=_rule(task),
        anchor=anchor,
        start_time=task.start_time,
        expires=task.expires,
        one_off=task.one_off,
    )
    slots.check(timing)
    return timing


def fingerprint(task: PeriodicTask) -> str:
    """Return a hash of all that decides the task's slots, be it valid or not."""
    definition = {kind: _definition(task, kind) for kind in _kinds(task)}
    definition |= {name: getattr(task, name) for name in _OPTIONS}
    # As text: an instant and a decimal are read back as they were written.
    text = json.dumps(definition, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def in_words(task: PeriodicTask) -> str:
    """Say when the task is due: "Daily at 00:00, Europe/Berlin".

    For an invalid schedule, returns what is wrong with it, and the remedy.
    """
    try:
        return wording.in_words(_rule(task))
    except InvalidTimingError as error:
        return str(error)


def _rule(task: PeriodicTask) -> slots.Rule:
    kinds = _kinds(task)
    if not kinds:
        raise InvalidTimingError(
            "schedule", "It has no schedule: give it an interval or a crontab."
        )
    if len(kinds) > 1:
        raise InvalidTimingError(
            "schedule", f"It has {' and '.join(kinds)} at once: keep only one of them."
        )
    row = _row(task, kinds[0])
    match row:
        case CrontabSchedule():
            return Crontab(
                minute=row.minute,
                hour=row.hour,
                day_of_month=row.day_of_month,
                month_of_year=row.month_of_year,
                day_of_week=row.day_of_week,
                zone=_zone_name(task),
            )
        case IntervalSchedule():
            return Interval(_duration(row))
        case SolarSchedule():
            return Solar(row.event, float(row.latitude), float(row.longitude))
        case _:
            return Clocked(row.clocked_time)


def _kinds(task: PeriodicTask) -> list[str]:
    """Return which kinds of schedule the task has; one that is not saved counts."""
    return [
        kind
        for kind in KINDS
        if getattr(task, f"{kind}_id") is not None or getattr(task, kind) is not None
    ]


def _row(task: PeriodicTask, kind: str) -> Any:  # noqa: ANN401 - of any kind
    try:
        return getattr(task, kind)
    except ValidationError as error:
        # The one field of theirs that is checked as it is read.
        raise InvalidTimingError(
            "zone", f"{error.message}: use an IANA name such as Europe/Berlin."
        ) from None


def _definition(task: PeriodicTask, kind: str) -> list[Any] | str:
    """Return the values of all fields, or why they cannot be read."""
    try:
        row = _row(task, kind)
        zone = [_zone_name(task)] if kind == "crontab" else []
        return [*_values(row), *zone]
    except InvalidTimingError as error:
        return str(error)


def _values(row: models.Model) -> list[Any]:
    return [getattr(row, name) for name in _FIELDS[type(row)]]


def _zone_name(task: PeriodicTask) -> str:
    if "timezone" not in task.crontab.get_deferred_fields():
        return str(task.crontab.timezone or "")
    name: str = task.crontab_zone
    return name


def _duration(row: IntervalSchedule) -> timedelta:
    if row.period not in dict(IntervalSchedule.PERIOD_CHOICES):
        raise InvalidTimingError(
            "period",
            f"There is no period {row.period!r}: use days, hours, minutes or seconds.",
        )
    try:
        return timedelta(**{row.period: row.every})
    except OverflowError:
        raise InvalidTimingError(
            "every", f"{row.every} {row.period} are too long: enter a smaller number."
        ) from None
