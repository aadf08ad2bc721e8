"""Schedules that a beat has seen, as tests need them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from scheduling import changes
from scheduling.clock import database_now
from scheduling.models import Run, Schedule
from tests.scheduling.factories import TASK

_numbers = count(1)


def follow_all() -> None:
    """Do what beat does after changes."""
    while changes.take_changes():
        pass


def unseen(minutes: int = 10, **fields: Any) -> PeriodicTask:
    """Make a schedule that no beat has seen yet."""
    interval = IntervalSchedule.objects.create(every=minutes, period="minutes")
    fields = {"name": f"Schedule {next(_numbers):04}", "task": TASK} | fields
    return PeriodicTask.objects.create(interval=interval, **fields)


def every(minutes: int = 10, **fields: Any) -> PeriodicTask:
    task = unseen(minutes, **fields)
    follow_all()
    return task


def daily(hour: int = 3, zone: str = "Europe/Berlin", **fields: Any) -> PeriodicTask:
    crontab = CrontabSchedule.objects.create(minute="0", hour=str(hour), timezone=zone)
    fields = {"name": f"Schedule {next(_numbers):04}", "task": TASK} | fields
    task = PeriodicTask.objects.create(crontab=crontab, **fields)
    follow_all()
    return task


def spoil_zone(crontab_id: int, zone: str = "Mars/Base") -> None:
    """Write a zone past Django, which takes none that does not exist."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_celery_beat_crontabschedule SET timezone = %s WHERE id = %s",
            [zone, crontab_id],
        )


def clock_of(task: PeriodicTask) -> Schedule:
    """Return the clock's side of a schedule as it stands now."""
    return Schedule.objects.get(pk=task.pk)


def long_ago(task: PeriodicTask, **fields: Any) -> None:
    """Let the clock know a schedule for a day already.

    A grid of ten minutes has its slots 5, 15, 25 … minutes ago.
    """
    since = database_now() - timedelta(days=1, minutes=5)
    fields = {"anchor": since, "changed_at": since} | fields
    Schedule.objects.filter(pk=task.pk).update(**fields)


def leave_due(task: PeriodicTask) -> datetime:
    """Let a schedule of ten minutes have three slots due, and return the first."""
    due = database_now() - timedelta(minutes=25)
    long_ago(task, anchor=due - timedelta(days=1), next_slot=due)
    return due


def ran(task: PeriodicTask, state: str = "succeeded", /, **fields: Any) -> Run:
    """Make a run of a schedule that has ended, a minute ago unless told."""
    at = fields.pop("at", database_now() - timedelta(minutes=1))
    started = None if state in {"skipped", "missed"} else at + timedelta(seconds=1)
    return Run.objects.create(
        **{
            "periodic_task": task,
            "name": task.name,
            "task": task.task,
            "slot": at,
            "trigger": Run.Trigger.SCHEDULE,
            "state": state,
            "attempts": 1 if started else 0,
            "created_at": at,
            "started_at": started,
            "finished_at": at + timedelta(seconds=4),
            "reason": "" if state in {"succeeded", "failed"} else "So it was.",
        }
        | fields
    )


def waits(task: PeriodicTask, /, **fields: Any) -> Run:
    """Make a run by hand that waits for a worker."""
    now = database_now()
    return Run.objects.create(
        **{
            "periodic_task": task,
            "name": task.name,
            "task": task.task,
            "trigger": Run.Trigger.MANUAL,
            "state": Run.State.PENDING,
            "ring_after": now,
            "created_at": now,
            "requested_by": "ben",
        }
        | fields
    )
