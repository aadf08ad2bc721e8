"""The whole story of one run, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import CharField
from django.db.models.functions import Cast
from django_celery_beat.models import PeriodicTask

from scheduling.clock import database_now
from scheduling.formatting import format_duration, number_of
from scheduling.manual import RETRIED
from scheduling.models import Run, Schedule

State = Run.State
MOST_RETRIES = 20
#: So soon after its slot a start is not told to be late.
AT_ONCE = timedelta(seconds=5)


@dataclass(frozen=True)
class Moment:
    """Something that happened to a run, or will; ``at`` is an instant in UTC."""

    label: str
    at: datetime
    note: str = ""


def describe_run(run: Run) -> dict[str, Any]:
    """Return what the page of a run takes. Five queries at most."""
    now = database_now()
    zone = zone_of(run)
    retries = list(run.retries.order_by("created_at", "pk")[:MOST_RETRIES])
    return {
        "title": str(run),
        "run": run,
        "headline": _headline(run, now),
        "moments": list(_moments(run, now)),
        "zone": None if zone.key == "UTC" else zone,
        "progress": report_progress(run),
        "retry_of": run.retry_of,
        "retries": retries,
        "can_be_retried": _can_be_retried(run) and not retries,
        "can_be_called_off": run.state in Run.WAITING_STATES,
    }


def report_progress(run: Run) -> dict[str, Any]:
    """Return how far a run is; ``version`` differs when its page must be read anew."""
    total, done = run.progress_total, run.progress_done
    return {
        "version": f"{run.state} {run.attempts} {run.rings}",
        "is_open": run.is_open,
        "done": done,
        "total": total,
        "words": f"{done:,} of {total:,}" if total and done is not None else "",
    }


def _can_be_retried(run: Run) -> bool:
    return run.state in RETRIED and run.periodic_task_id is not None


def zone_of(run: Run) -> ZoneInfo:
    """Return the zone in which the run's schedule is written; else the business's."""
    # As text: the field itself refuses to be read where raw SQL named no zone.
    zones = PeriodicTask.objects.filter(pk=run.periodic_task_id).values_list(
        Cast("crontab__timezone", CharField()), flat=True
    )
    name = zones.first()
    try:
        return ZoneInfo(name or settings.BUSINESS_TIME_ZONE)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(settings.BUSINESS_TIME_ZONE)


def _headline(run: Run, now: datetime) -> str:
    """Say in a sentence or two where the run stands."""
    if run.state == State.PENDING:
        return _why_pending(run, now)
    if run.state == State.QUEUED:
        return f"Workers were told of it {_times(run.rings)}; none has begun it yet."
    if run.state == State.RUNNING:
        return f"It is at work on {run.worker}, at its {_nth(run.attempts)} attempt."
    if run.state == State.SUCCEEDED:
        return f"It succeeded{_after(run)}."
    if run.state == State.FAILED:
        return f"It failed{_after(run)}, at its {_nth(run.attempts)} attempt."
    return run.reason


def _why_pending(run: Run, now: datetime) -> str:
    if run.ring_after and run.ring_after > now:
        when = f"in {format_duration(run.ring_after - now)}"
    else:
        when = "as soon as beat can"
    again = " again" if run.attempts else ""
    return f"It waits; workers are told of it{again} {when}."


def _after(run: Run) -> str:
    return f" after {format_duration(run.duration)}" if run.duration else ""


def _moments(run: Run, now: datetime) -> Iterator[Moment]:
    """Yield what happened and what will, in the order in which it is told."""
    if run.slot:
        yield Moment("Slot", run.slot, _slot_note(run))
    yield Moment("Written down", run.created_at, _origin(run))
    if run.queued_at:
        yield Moment("Queued", run.queued_at, f"told to workers {_times(run.rings)}")
    if run.started_at:
        yield Moment("Started", run.started_at, _start_note(run))
    if run.finished_at:
        yield Moment("Ended", run.finished_at, _after(run).strip())
    if run.is_open:
        yield from _to_come(run, now)


def _to_come(run: Run, now: datetime) -> Iterator[Moment]:
    if run.state == State.RUNNING and run.lease_until:
        overdue = run.lease_until < now
        yield Moment("Lease ends", run.lease_until, _lease_note(overdue=overdue))
    elif run.ring_after and run.ring_after > now:
        yield Moment("Next ring", run.ring_after, "workers are told then, not before")
    if run.deadline:
        yield Moment("Deadline", run.deadline, "not begun by then, it is missed")


def _lease_note(*, overdue: bool) -> str:
    if overdue:
        return "its worker was not heard of since: beat takes it back"
    return "its worker extends it for as long as it is at work"


def _slot_note(run: Run) -> str:
    if run.slots_missed > 1:
        return f"the first of {number_of(run.slots_missed, 'slot')} told here together"
    return ""


def _origin(run: Run) -> str:
    by = run.requested_by or "somebody"
    return {
        Run.Trigger.SCHEDULE: "by the clock, for its slot",
        Run.Trigger.CATCH_UP: "by the clock, catching up after its slot had passed",
        Run.Trigger.MANUAL: f"asked for by {by}",
        Run.Trigger.RETRY: f"asked for by {by}, as a retry",
    }[Run.Trigger(run.trigger)]


def _start_note(run: Run) -> str:
    attempts = f"attempt {run.attempts}{_of_most(run)}"
    where = f"on {run.worker}" if run.worker else ""
    return ", ".join(part for part in (_lateness(run), attempts, where) if part)


def _lateness(run: Run) -> str:
    late = run.lateness
    if late is None:
        return ""
    if late < AT_ONCE:
        return "on time"
    return f"{format_duration(late)} after its slot"


def _of_most(run: Run) -> str:
    most = Schedule.objects.filter(pk=run.periodic_task_id).values_list(
        "max_attempts", flat=True
    )
    found = most.first()
    return f" of at most {found}" if found else ""


def _times(count: int) -> str:
    return {0: "never yet", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _nth(count: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(count, f"{count}th")
