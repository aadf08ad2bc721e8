"""How long after an edit the clock goes by it."""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from django.db import connection
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from scheduling.models import Schedule

from .clock_cost import SCHEDULES
from .dataset import SEED, fresh
from .measuring import in_own_process
from .report import Answer, Gate, Spread
from .schedulers import Arm, Ours, Stock, empty_queue, scheduled

if TYPE_CHECKING:
    from celery.beat import Scheduler

ROUNDS = 3
HOUR = "23"


def answer(*, full: bool) -> Answer:  # noqa: ARG001 - every question takes it
    """Edit one schedule of many at some moment of a running beat; in turn."""
    chance = random.Random(SEED)  # noqa: S311 - moments to be met again
    waits: dict[str, list[float]] = {"ours": [], "stock": []}
    template = scheduled(SCHEDULES)
    for _ in range(ROUNDS):
        for arm in (Ours(), Stock()):
            # Beyond its sleep, so that the edit meets it at whatever it does.
            moment = chance.uniform(0.5, 1 + arm.longest_sleep)
            empty_queue()
            with fresh(template) as database:
                wait = in_own_process(database, partial(_wait, arm, moment))
                waits[arm.name].append(wait)
    return Answer(
        question=f"Edit one schedule of {SCHEDULES:,}: when the clock goes by it",
        columns=("arm", "edit to effect: s (wall)"),
        rows=[[name, Spread(each).shown()] for name, each in waits.items()],
        gates=[Gate("edit to effect", Spread(waits["ours"]), at_most=1, unit="s")],
        raw=dict(waits),
    )


def _wait(arm: Arm, moment: float) -> float:
    """Drive beat as Celery does, and return how long an edit takes to be heeded."""
    scheduler = arm.start()
    scheduler.tick()
    task = _hourly()
    edits: list[float] = []
    editor = threading.Timer(moment, _edit, (task.pk, edits))
    editor.start()
    while not edits or not _is_heeded(arm, scheduler, task):
        pause = scheduler.tick()
        if edits and _is_heeded(arm, scheduler, task):
            break
        time.sleep(pause)
    editor.join()
    return time.monotonic() - edits[0]


def _hourly() -> PeriodicTask:
    """Return a schedule that stock beat has in memory at whatever time of the day."""
    return PeriodicTask.objects.filter(crontab__hour="*").order_by("pk")[0]


def _edit(pk: int, edits: list[float]) -> None:
    """Have a schedule run at another hour, as staff do it; note when that stood."""
    task = PeriodicTask.objects.get(pk=pk)
    task.crontab = CrontabSchedule.objects.create(
        minute="30",
        hour=HOUR,
        month_of_year=task.crontab.month_of_year,
        timezone="UTC",
    )
    task.save()
    connection.close()
    edits.append(time.monotonic())


def _is_heeded(arm: Arm, scheduler: Scheduler, task: PeriodicTask) -> bool:
    if isinstance(arm, Ours):
        slot = Schedule.objects.get(pk=task.pk).next_slot
        return slot is not None and slot.hour == int(HOUR)
    # What stock beat has in memory; asking by `schedule` would have it look again. It
    # forgets what does not run at an hour around this one.
    entry = scheduler._schedule.get(task.name)  # type: ignore[attr-defined]  # noqa: SLF001
    return entry is None or entry.schedule.hour == {int(HOUR)}
