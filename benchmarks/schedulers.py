"""The clock's arms: ours, stock beat, RedBeat, and sending without any scheduler.

Each is driven as Celery's beat drives it, by `tick()`, in a process of its own on a
database of its own. A fresh message queue is under all of them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from celery import current_app
from celery.schedules import crontab
from django.conf import settings
from django.db.models import Sum
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler
from redbeat.schedulers import (
    RedBeatConfig,
    RedBeatScheduler,
    RedBeatSchedulerEntry,
    get_redis,
)
from redis import Redis

from scheduling import changes
from scheduling.beat import SlotScheduler
from scheduling.models import Run, Schedule

from .dataset import filled_by

if TYPE_CHECKING:
    from celery.beat import Scheduler

TASK = "scheduling.tasks.clean_up_expired_sessions"
QUEUE = "celery"
LONGEST_SEND = 60
#: Far enough for stock beat to find that a run of that month is overdue.
LONG_AGO = timedelta(days=400)


def scheduled(count: int) -> str:
    """Return the name of a database with so many schedules on 1,440 crontabs.

    None of them is due. Half of them run daily and half hourly.
    """
    return filled_by(partial(_schedule, count), f"benchmark_schedules_{count}")


def _schedule(count: int) -> None:
    crontabs = CrontabSchedule.objects.bulk_create(
        # Its default asks Celery's settings anew for each row.
        CrontabSchedule(**fields, timezone="UTC")
        for fields in _crontabs()
    )
    PeriodicTask.objects.bulk_create(
        (
            PeriodicTask(
                name=f"Schedule {number}",
                task=TASK,
                crontab=crontabs[number % len(crontabs)],
            )
            for number in range(count)
        ),
        batch_size=1000,
    )
    while changes.take_changes():
        pass


def _crontabs() -> list[dict[str, str]]:
    """Return 720 that run daily and 720 that run hourly, half a year from now.

    Of the daily ones stock beat keeps those of the hours around in memory.
    """
    month = str((datetime.now(UTC).month + 5) % 12 + 1)
    daily = [
        {"minute": str(minute), "hour": str(hour), "month_of_year": month}
        for hour in range(24)
        for minute in range(0, 60, 2)
    ]
    hourly = [
        {"minute": str(minute), "day_of_month": str(day), "month_of_year": month}
        for day in range(1, 13)
        for minute in range(60)
    ]
    return [each for pair in zip(daily, hourly, strict=True) for each in pair]


def _of_this_hour(count: int) -> list[int]:
    """Return schedules that run at this hour: of others stock beat loads none."""
    hours = (str(datetime.now(UTC).hour), "*")
    due = PeriodicTask.objects.filter(crontab__hour__in=hours).order_by("pk")
    return list(due.values_list("pk", flat=True)[:count])


def empty_redis() -> None:
    """Forget what an earlier run has left, RedBeat's schedules too."""
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushall()


def empty_queue() -> None:
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()


def send_all(scheduler: Scheduler, due: int) -> float:
    """Tick until so many more messages wait; return in how many seconds they did."""
    began = time.monotonic()
    with Redis.from_url(settings.REDIS_URL) as broker:
        already: Any = broker.llen(QUEUE)
        sent = 0
        while sent < due:
            scheduler.tick()
            waiting: Any = broker.llen(QUEUE)
            sent = waiting - already
            if time.monotonic() - began > LONGEST_SEND:
                raise TimeoutError(f"{sent} of {due} messages were sent.")
    return time.monotonic() - began


class Arm(ABC):
    """A scheduler at work on a number of schedules."""

    name: ClassVar[str]
    #: So many ticks, and so many due slots, take long enough to be measured.
    ticks: ClassVar[int] = 300
    due: ClassVar[int] = 400
    #: Between two looks, in seconds.
    longest_sleep: ClassVar[float] = 0.5

    def prepare(self, count: int) -> None:  # noqa: B027 - most have it in the database
        """Put the schedules where the scheduler reads them, if that is elsewhere."""

    @abstractmethod
    def start(self) -> Scheduler:
        """Build the scheduler, as beat does when it starts."""

    @abstractmethod
    def make_due(self, scheduler: Scheduler, count: int) -> None:
        """Let so many slots be due, the scheduler having noticed."""

    @abstractmethod
    def counted(self) -> int:
        """Return how many slots it has written down as sent."""


class Ours(Arm):
    """One Run for each slot, from the database."""

    name = "ours"

    def start(self) -> Scheduler:
        scheduler: Scheduler = SlotScheduler(app=current_app)
        return scheduler

    def make_due(self, scheduler: Scheduler, count: int) -> None:  # noqa: ARG002
        Schedule.objects.filter(pk__in=_of_this_hour(count)).update(
            next_slot=datetime.now(UTC)
        )

    def counted(self) -> int:
        return Run.objects.filter(state=Run.State.QUEUED).count()


class Stock(Arm):
    """django-celery-beat's own, which keeps every schedule in memory."""

    name = "stock"
    ticks = 30
    due = 30
    longest_sleep = 5

    def start(self) -> Scheduler:
        scheduler: Scheduler = DatabaseScheduler(app=current_app)
        return scheduler

    def make_due(self, scheduler: Scheduler, count: int) -> None:
        # One more, which goes with the first tick: that loads and sorts everything.
        PeriodicTask.objects.filter(pk__in=_of_this_hour(count + 1)).update(
            last_run_at=datetime.now(UTC) - LONG_AGO
        )
        PeriodicTasks.update_changed()
        send_all(scheduler, 1)

    def counted(self) -> int:
        # It writes them down now and then, and when it ends.
        total = PeriodicTask.objects.aggregate(total=Sum("total_run_count"))["total"]
        return int(total) - 1


class RedBeat(Arm):
    """Schedules in Redis. What Redis itself takes is not counted here."""

    name = "redbeat"

    def prepare(self, count: int) -> None:
        # Beside the queue, which is emptied for each arm.
        current_app.conf.redbeat_redis_url = settings.REDIS_URL.replace("db=0", "db=1")
        current_app.conf.redbeat_redis_options = {}
        if get_redis(current_app).zcard(RedBeatConfig(current_app).schedule_key):
            return
        fields = _crontabs()
        for number in range(count):
            RedBeatSchedulerEntry(
                f"Schedule {number}",
                TASK,
                crontab(**fields[number % len(fields)]),
                app=current_app,
            ).save()

    def start(self) -> Scheduler:
        scheduler: Scheduler = RedBeatScheduler(app=current_app)
        # A signal of beat's takes the lock that keeps a second one out.
        vars(scheduler)["lock_key"] = None
        return scheduler

    def make_due(self, scheduler: Scheduler, count: int) -> None:  # noqa: ARG002
        for number in range(count):
            key = RedBeatSchedulerEntry.generate_key(current_app, f"Schedule {number}")
            entry = RedBeatSchedulerEntry.from_key(key, app=current_app)
            entry.reschedule(last_run_at=datetime.now(UTC) - LONG_AGO)

    def counted(self) -> int:
        still_due = get_redis(current_app).zcount(
            RedBeatConfig(current_app).schedule_key, "-inf", time.time()
        )
        return self.due - int(still_due)


ARMS: tuple[Arm, ...] = (Ours(), Stock(), RedBeat())
