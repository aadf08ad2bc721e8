"""A clock to be watched: schedules at a minute's grid, their runs, who is alive."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.migrations.recorder import MigrationRecorder
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from scheduling.clock import database_now
from scheduling.models import Heartbeat, Incident, Run, Schedule
from scheduling.watch import findings_at
from tests.scheduling.factories import TASK
from tests.scheduling.schedules import follow_all

MINUTE = timedelta(minutes=1)
DESK = "desk@example.org"


def all_alive(*, now: datetime | None = None) -> None:
    """Let a beat and a worker be seen at this moment."""
    now = now or database_now()
    for kind in Heartbeat.Kind:
        Heartbeat.objects.update_or_create(
            kind=kind,
            name=f"{kind} of the tests",
            defaults={"started_at": now, "seen_at": now},
        )


def age_the_installation(age: timedelta) -> None:
    """Let the clock's tables be so old; of new ones nobody expects a beat yet."""
    MigrationRecorder.Migration.objects.filter(app="scheduling").update(
        applied=database_now() - age
    )


def schedules(count: int, *, every: int = 10, **policies: Any) -> list[Schedule]:
    """Make schedules of ``every`` minutes, known for a week, the next slot to come."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=every, period="minutes")
    before = PeriodicTask.objects.count()
    tasks = PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"Chore {before + n}", task=TASK, interval=interval)
        for n in range(count)
    )
    follow_all()
    now = database_now()
    # On the grid, a minute ago was a slot.
    anchor = now - timedelta(days=7) - MINUTE
    made = Schedule.objects.filter(pk__in=[task.pk for task in tasks])
    made.update(
        anchor=anchor,
        changed_at=anchor,
        next_slot=now - MINUTE + timedelta(minutes=every),
        **policies,
    )
    return list(made.select_related("periodic_task").order_by("pk"))


def schedule(**policies: Any) -> Schedule:
    """Make one, on whose slots of the last day all is written down."""
    (made,) = schedules(1, **policies)
    for n in range(1, 200):
        assert made.next_slot
        run(made, slot=made.next_slot - n * timedelta(minutes=10))
    return made


def run(of: Schedule, **values: Any) -> Run:
    """Write down a run that ended well at its slot, or what ``values`` say."""
    at = values.get("slot") or values.get("created_at") or database_now()
    state = values.get("state", Run.State.SUCCEEDED)
    is_open = state in Run.OPEN_STATES
    defaults: dict[str, Any] = {
        "state": state,
        "trigger": Run.Trigger.SCHEDULE if values.get("slot") else Run.Trigger.MANUAL,
        "created_at": at,
        "ring_after": at,
        "finished_at": None if is_open else at,
        "reason": "Nobody took it up."
        if state in ("missed", "lost", "skipped")
        else "",
    }
    if state == Run.State.RUNNING:
        defaults |= {"started_at": at, "lease_until": at, "attempts": 1}
    return Run.objects.create(
        periodic_task_id=of.pk,
        name=of.periodic_task.name,
        task=TASK,
        **defaults | values,
    )


def found(now: datetime | None = None) -> dict[str, list[str]]:
    """Return the kinds of finding that the watch finds, by their subject."""
    subjects: dict[str, list[str]] = {}
    for finding in findings_at(now or database_now()):
        subjects.setdefault(finding.subject, []).append(finding.kind.value)
    return subjects


def open_kinds() -> list[tuple[str, str]]:
    """Return kind and subject of the incidents that are open."""
    rows = Incident.objects.filter(closed_at=None).order_by("kind", "subject")
    return list(rows.values_list("kind", "subject"))
