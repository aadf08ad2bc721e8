"""Beats and workers around schedules whose slots a test can count, and the counting.

What is counted is the same whatever was done to them: each slot has its row, done or
accounted for; no row is left open; none is there twice; one body at a time.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from scheduling.clock import database_now
from scheduling.models import Run, Schedule, ScheduleChange
from tests.faults import clock_tasks
from tests.processes import OwnProcess, StartProcess
from tests.scheduling.schedules import follow_all
from tests.scheduling.waiting import until

APP = "tests.faults.clock_app"
SECOND = timedelta(seconds=1)
#: A slot this near may come before what is done now.
NEAR = timedelta(milliseconds=400)


@dataclass
class Body:
    """One start of a body: the lines of the trace at which it began and ended."""

    run: str
    process: str
    slot: str
    began: int
    ended: int | None = None


@dataclass
class Series:
    """A schedule with a slot every so many seconds, from the first to the end."""

    task: PeriodicTask
    first: datetime
    every: timedelta
    end: datetime | None = None

    @property
    def slots(self) -> list[datetime]:
        """All those that it had; known once it was stopped."""
        assert self.end
        return slots_between(self.first, self.every, self.end)

    def turn_off(self) -> bool:
        """Turn it off, and return true, unless a slot is due or near.

        One that is due and not sent would be missed.
        """
        with transaction.atomic():
            clock = Schedule.objects.select_for_update().get(pk=self.task.pk)
            is_near = self.is_near(clock)
            if not is_near:
                PeriodicTask.objects.filter(pk=self.task.pk).update(enabled=False)
        return not is_near

    def is_near(self, clock: Schedule | None = None) -> bool:
        """Return whether a slot may come before what is done now."""
        clock = clock or Schedule.objects.get(pk=self.task.pk)
        assert clock.next_slot
        return clock.next_slot - database_now() < min(NEAR, self.every / 2)


@dataclass
class Clock:
    """Starts beats and workers, and makes the schedules that they work on."""

    start: StartProcess
    trace: Path
    #: What beat is told beside what the settings say.
    beat_options: tuple[str, ...] = ()
    beats: list[OwnProcess] = field(default_factory=list)

    def beat(self, *, hours_off: float = 0.0) -> OwnProcess:
        beat = self._start("beat", hours_off, "beat", *self.beat_options)
        self.beats.append(beat)
        return beat

    def worker(self, *, concurrency: int = 2, hours_off: float = 0.0) -> OwnProcess:
        """Start a worker, and wait until it takes messages."""
        options = (f"--concurrency={concurrency}", "--without-mingle")
        worker = self._start("worker", hours_off, "worker", *options)
        worker.wait_until_it_says(" ready.")
        return worker

    def series(
        self, *, every: int = 1, after: float = 1.0, body: float = 0.0, **policies: Any
    ) -> Series:
        """Make a schedule whose first slot comes so many seconds from now."""
        series = self.unseen(every=every, slot_in=after, body=body)
        self._set(series.task, **policies)
        return series

    def unseen(self, *, every: int = 3600, slot_in: float, body: float = 0.0) -> Series:
        """Make a schedule that this process leaves to the beats to find."""
        first = database_now() + timedelta(seconds=slot_in)
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=every, period="seconds"
        )
        task = self.task(body, interval=interval, start_time=first)
        return Series(task=task, first=first, every=timedelta(seconds=every))

    def daily(self, *, at: datetime, **policies: Any) -> PeriodicTask:
        """Make a schedule with slots at this time of day; the next is to come."""
        return self._crontab(str(at.hour), at, **policies)

    def hourly(self, *, at: datetime, **policies: Any) -> PeriodicTask:
        """Make a schedule with slots at this minute; the next is to come."""
        return self._crontab("*", at, **policies)

    def task(self, body: float, **fields: Any) -> PeriodicTask:
        """Make a schedule whose bodies take so many seconds, as nobody has seen it."""
        return PeriodicTask.objects.create(
            name=f"Series {PeriodicTask.objects.count()}",
            task=clock_tasks.work.name,
            kwargs=json.dumps({"trace": str(self.trace), "seconds": body}),
            **fields,
        )

    def bodies(self) -> list[Body]:
        """Read from the trace which bodies began and ended, in that order."""
        found: list[Body] = []
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        for number, line in enumerate(lines):
            what, run, process, slot = line.split()
            if what == "begin":
                found.append(Body(run, process, slot, number))
            else:
                _open(found, run, process).ended = number
        return found

    def _start(self, name: str, hours_off: float, *arguments: str) -> OwnProcess:
        program = ("celery", "-A", APP, *arguments)
        if hours_off:
            program = ("tests.faults.odd_clock", str(hours_off), *program)
        return self.start(f"{name}-{len(self.beats)}", *program)

    def _crontab(self, hour: str, at: datetime, **policies: Any) -> PeriodicTask:
        crontab, _ = CrontabSchedule.objects.get_or_create(
            minute=str(at.minute), hour=hour, timezone="UTC"
        )
        task = self.task(0.0, crontab=crontab)
        self._set(task, **policies)
        return task

    def _set(self, task: PeriodicTask, **policies: Any) -> None:
        follow_all()
        until(Schedule.objects.filter(pk=task.pk).exclude(next_slot=None).exists)
        Schedule.objects.filter(pk=task.pk).update(**policies)


def stop(*series: Series) -> None:
    """Turn schedules off between two of their slots, and wait for the last runs."""
    connection.close()
    for one in series:
        until(one.turn_off, seconds=60)
    until(lambda: not ScheduleChange.objects.exists())
    ends = dict(Schedule.objects.values_list("pk", "changed_at"))
    for one in series:
        one.end = ends[one.task.pk]
    until(none_is_open, seconds=60)


def kill_and_replace(clock: Clock, *, seconds: float, every: float) -> None:
    """Kill a beat now and then, the longest alive, and start another."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        # At no moment of its own: within the turns of a beat as between them.
        time.sleep(every * random.uniform(0.8, 1.2))  # noqa: S311 - as it comes
        clock.beats.pop(0).kill()
        clock.beat()


def slots_between(first: datetime, every: timedelta, end: datetime) -> list[datetime]:
    """Return a grid's slots from the first to the end, by arithmetic alone."""
    if end < first:
        return []
    return [first + number * every for number in range((end - first) // every + 1)]


def none_is_open() -> bool:
    return not Run.objects.open().exists()


def ring_now() -> None:
    """Let the time pass that a ring is given, or a retry: 15 seconds, a minute."""
    waiting = Run.objects.filter(state__in=(Run.State.PENDING, Run.State.QUEUED))
    waiting.update(ring_after=F("ring_after") - timedelta(minutes=10))


def end_leases() -> None:
    """Let the time pass for which a worker that is not heard of is waited for."""
    running = Run.objects.filter(state=Run.State.RUNNING)
    # Beat has called for those that are out, by now, and waited in vain.
    out = F("lease_until") - timedelta(minutes=10)
    running.update(lease_until=out, ring_after=out)


def reaches(task: PeriodicTask, state: str, *, count: int = 1) -> Callable[[], bool]:
    """Say whether so many runs of a schedule are, or ended, in a state."""

    def is_so() -> bool:
        return Run.objects.filter(periodic_task=task, state=state).count() >= count

    return is_so


def account(
    task: PeriodicTask, slots: Sequence[datetime], bodies: Iterable[Body]
) -> Counter[str]:
    """Hold a schedule's rows and bodies against its slots; fail, or count by state.

    A row may stand for several slots that did not run; nothing else may be short.
    """
    runs = list(Run.objects.filter(periodic_task=task).order_by("slot"))
    told = Counter(slot for run in runs for slot in _stands_for(run, slots))
    known = {str(run.pk) for run in runs}
    mine = [body for body in bodies if body.run in known]
    wrong = {
        "slots without a row": sorted(set(slots) - set(told)),
        "rows without a slot": sorted(set(told) - set(slots)),
        "slots with two rows": [slot for slot, count in told.items() if count > 1],
        "left open": [run for run in runs if run.is_open],
        "bodies amiss": [run for run in runs if not _has_its_bodies(run, mine)],
    }
    wrong = {words: found for words, found in wrong.items() if found}
    assert not wrong, str(wrong)
    return Counter(run.state for run in runs for _slot in _stands_for(run, slots))


def one_at_a_time(task: PeriodicTask, bodies: Iterable[Body]) -> bool:
    """Return true, or fail where a body began while another was at work.

    One that was killed has no end, and is not known to have been at work.
    """
    runs = Run.objects.filter(periodic_task=task).values_list("pk", flat=True)
    mine = {str(run) for run in runs}
    ended = [body for body in bodies if body.run in mine and body.ended is not None]
    beside = [
        (body, other)
        for body, other in pairwise(ended)
        if body.ended is not None and other.began < body.ended
    ]
    assert not beside, str(beside)
    return True


def each_ran(series: Series, bodies: Sequence[Body]) -> bool:
    """Return true where every slot of a schedule ran, and succeeded; else fail."""
    counts = account(series.task, series.slots, bodies)
    assert counts == {Run.State.SUCCEEDED: len(series.slots)}
    series.task.refresh_from_db()
    assert series.task.total_run_count == len(series.slots)
    return True


def _open(bodies: list[Body], run: str, process: str) -> Body:
    return next(
        body
        for body in reversed(bodies)
        if (body.run, body.process, body.ended) == (run, process, None)
    )


def _stands_for(run: Run, slots: Sequence[datetime]) -> Sequence[datetime]:
    assert run.slot
    if run.slots_missed > 1:
        return [slot for slot in slots if slot >= run.slot][: run.slots_missed]
    return [run.slot]


def _has_its_bodies(run: Run, bodies: Iterable[Body]) -> bool:
    """Return whether a run's bodies are those that its row tells of.

    A worker killed between its claim and the body has started none; one killed before
    it could say that the body has ended, one more.
    """
    mine = [body for body in bodies if body.run == str(run.pk)]
    ended = [body for body in mine if body.ended is not None]
    if {body.slot for body in mine} - {run.slot.isoformat() if run.slot else "-"}:
        return False
    if run.state == Run.State.SUCCEEDED and run.attempts == 1:
        return len(mine) == len(ended) == 1
    is_done = bool(ended) if run.state == Run.State.SUCCEEDED else True
    return is_done and len(mine) <= run.attempts
