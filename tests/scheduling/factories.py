"""Builders of schedules and runs: rows as they would stand in the database.

No beat has seen what they make: its triggers have left their markers, and nothing
has been computed from them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import factory
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduling.models import Run, Schedule

TASK = "scheduling.tasks.clean_up_expired_sessions"
KNOWN_SINCE = datetime(2026, 7, 1, 10, tzinfo=UTC)


class CrontabScheduleFactory(factory.django.DjangoModelFactory[CrontabSchedule]):
    class Meta:
        model = CrontabSchedule

    minute = "0"
    hour = "0"
    timezone = "UTC"


class IntervalScheduleFactory(factory.django.DjangoModelFactory[IntervalSchedule]):
    class Meta:
        model = IntervalSchedule

    every = 10
    period = IntervalSchedule.MINUTES


class SolarScheduleFactory(factory.django.DjangoModelFactory[SolarSchedule]):
    class Meta:
        model = SolarSchedule

    event = "sunrise"
    latitude = Decimal("52.5")
    longitude = Decimal("13.4")


class ClockedScheduleFactory(factory.django.DjangoModelFactory[ClockedSchedule]):
    class Meta:
        model = ClockedSchedule

    clocked_time = datetime(2030, 1, 1, 9, tzinfo=UTC)


class PeriodicTaskFactory(factory.django.DjangoModelFactory[PeriodicTask]):
    """Every ten minutes; another kind with ``interval=None, crontab=…``."""

    class Meta:
        model = PeriodicTask

    name = factory.Sequence(lambda n: f"Schedule {n}")
    task = TASK
    interval = factory.SubFactory(IntervalScheduleFactory)


class ScheduleFactory(factory.django.DjangoModelFactory[Schedule]):
    class Meta:
        model = Schedule

    periodic_task = factory.SubFactory(PeriodicTaskFactory)
    anchor = KNOWN_SINCE
    changed_at = KNOWN_SINCE


class RunFactory(factory.django.DjangoModelFactory[Run]):
    """A slot that has succeeded on time."""

    class Meta:
        model = Run

    periodic_task = factory.SubFactory(PeriodicTaskFactory)
    name = factory.SelfAttribute("periodic_task.name")
    task = factory.SelfAttribute("periodic_task.task")
    slot = factory.Sequence(lambda n: KNOWN_SINCE + n * timedelta(minutes=10))
    trigger = Run.Trigger.SCHEDULE
    state = Run.State.SUCCEEDED
    attempts = 1
    created_at = factory.SelfAttribute("slot")
    started_at = factory.SelfAttribute("created_at")
    finished_at = factory.LazyAttribute(
        lambda run: run.started_at + timedelta(seconds=4)
    )
