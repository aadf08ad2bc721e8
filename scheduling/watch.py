"""The watch that is not beat: it looks at rows alone, and tells what is not well.

It holds what the calendar, the ledger and the heartbeats say against each other, so
that a beat which has died, or errs, cannot keep it to itself. Each worker's main
process takes a turn now and then, and so does each beat, in a thread of its own: it
would tell that all workers have died. One at a time does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import (
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce, Greatest
from django_celery_beat.models import PeriodicTask

from scheduling.alerts import tell_incidents
from scheduling.changes import THE_CLOCK
from scheduling.clock import database_now
from scheduling.formatting import format_instant, number_of
from scheduling.gaps import GRACE, find_gaps
from scheduling.heartbeats import ALIVE_WITHIN
from scheduling.incidents import Finding, reconcile
from scheduling.models import Heartbeat, Incident, Run, Schedule, ScheduleChange
from scheduling.models.run import RunQuerySet
from scheduling.recovery import AFTER_FAILURES

Kind = Incident.Kind

#: How often a process takes a turn.
TURN_SECONDS = 15.0
#: "scheduling.watch" as an advisory lock; any number that nobody else uses.
LOCK_KEY = 0x7761746368
#: It may take so long until beats and workers are there, in a new installation or
#: when all are started again.
FIRST_START = timedelta(minutes=5)
#: What waited for a beat, or for a worker, is worked off in this time.
AFTERMATH = timedelta(minutes=2)
#: Beat takes a run back within some seconds: see LEASE_GRACE.
LEASE_LONG_OUT = timedelta(minutes=3)
#: A pending run that may ring so much later was put off by its task.
PUT_OFF = timedelta(minutes=1)
LONGEST_ERROR = 200
#: What is said of a run; its other fields can be long.
SAID = (
    *("state", "slot", "created_at", "lease_until", "error", "reason"),
    *("periodic_task__name", "periodic_task__clock__owner_email"),
)

PAUSED_BY_ITSELF = (THE_CLOCK, AFTER_FAILURES)
ENDED = (Run.State.SUCCEEDED, *Run.FAILED_STATES)
DEAD = {Heartbeat.Kind.BEAT: Kind.NO_BEAT, Heartbeat.Kind.WORKER: Kind.NO_WORKER}
#: What follows from another incident, and is not told beside it.
FOLLOWING = {Kind.NO_BEAT: (Kind.LATE, Kind.BROKEN), Kind.NO_WORKER: (Kind.STUCK,)}
KIND_OF_END = {
    Run.State.FAILED: Kind.FAILED,
    Run.State.LOST: Kind.LOST,
    Run.State.MISSED: Kind.MISSED,
}


class Watch:
    """The turns of one process, which knows for how long it has been watching."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def turn(self) -> None:
        """Bring the incidents up to date, then tell what is to be told."""
        try:
            turn(watching_for=timedelta(seconds=time.monotonic() - self._since))
        except DatabaseError:
            # Nobody could say that it lives, either.
            self._since = time.monotonic()
            raise


def turn(*, watching_for: timedelta = timedelta.max) -> None:
    """Bring the incidents up to date, then tell what is to be told.

    Whoever finds another at it does nothing. The lock is that of a transaction, which
    is over before anything is sent: a mail is claimed by its rows.
    """
    with transaction.atomic():
        if not _is_alone():
            return
        now = database_now()
        findings = findings_at(now)
        not_opening = [
            *_explained(findings, now),
            *_may_be_starting(now, watching_for),
        ]
        reconcile(findings, now=now, not_opening=not_opening)
    tell_incidents()


def findings_at(now: datetime) -> list[Finding]:
    """Return all that is wrong at an instant; of one kind, one for each schedule.

    A fixed number of queries. Schedules that are switched off, or that staff paused,
    are as they are meant to be.
    """
    overdue = list(_overdue(now))
    found = chain(
        _dead_processes(now),
        # Of two that say the same of one schedule, the later is kept: see below.
        _gaps(now, overdue),
        overdue,
        _unknown(now),
        _broken(),
        _waiting_too_long(now),
        _left_behind(now),
        _ended_badly(now),
    )
    return list({finding.key: finding for finding in found}.values())


def clock_faults(now: datetime) -> dict[str, str]:
    """Return what keeps the clock from doing its work, by name; '' where nothing does.

    Names no schedule: whoever may ask whether the site is well may read it.
    """
    seen = _last_seen()
    return {
        kind.value: "" if _is_alive(seen, kind, now) else _unseen_for()
        for kind in Heartbeat.Kind
    } | {"slots": _slot_faults(now)}


def _is_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_KEY])
        (alone,) = cursor.fetchone()
    return bool(alone)


def _explained(findings: Iterable[Finding], now: datetime) -> Iterator[Incident.Kind]:
    """Yield the kinds that follow from what is known, or was until a moment ago."""
    lately = Incident.objects.filter(
        Q(closed_at=None) | Q(closed_at__gt=now - AFTERMATH), kind__in=FOLLOWING
    )
    known = {finding.kind for finding in findings} | set(
        lately.values_list("kind", flat=True)
    )
    for kind, following in FOLLOWING.items():
        if kind in known:
            yield from following


def _may_be_starting(now: datetime, watching_for: timedelta) -> Iterator[Incident.Kind]:
    """Yield what a watch that has just begun does not say of processes yet.

    Where everything was down, or the database was, the first to look finds the signs
    of life of before. Whoever stays away longer is told all the same: a process that
    dies and is started again and again is always one that has just begun.
    """
    if watching_for > ALIVE_WITHIN:
        return
    seen = _last_seen()
    for kind, incident in DEAD.items():
        if kind not in seen or seen[kind] > now - FIRST_START:
            yield incident


# Processes ------------------------------------------------------------------


def _dead_processes(now: datetime) -> Iterator[Finding]:
    seen = _last_seen()
    for kind, incident in DEAD.items():
        if _is_alive(seen, kind, now):
            continue
        if kind not in seen and _is_new(now):
            continue
        since = f"since {format_instant(seen[kind])}" if kind in seen else "of late"
        yield Finding(
            kind=incident,
            subject=THE_CLOCK,
            message=f"No {kind.value} has been seen {since}. {_consequence(kind, now)}",
        )


def _last_seen() -> dict[str, datetime]:
    kinds = Heartbeat.objects.order_by().values("kind")
    return dict(kinds.annotate(last=Max("seen_at")).values_list("kind", "last"))


def _is_alive(seen: dict[str, datetime], kind: Heartbeat.Kind, now: datetime) -> bool:
    return kind in seen and seen[kind] > now - ALIVE_WITHIN


def _unseen_for() -> str:
    return f"none seen for {ALIVE_WITHIN.total_seconds():.0f} s"


def _is_new(now: datetime) -> bool:
    """Return whether the clock's own tables are but some minutes old."""
    return MigrationRecorder.Migration.objects.filter(
        app="scheduling", name="0003_clock", applied__gt=now - FIRST_START
    ).exists()


def _consequence(kind: Heartbeat.Kind, now: datetime) -> str:
    if kind == Heartbeat.Kind.BEAT:
        late = Schedule.objects.on(now).filter(next_slot__lte=now).count()
        return f"Nothing is started on schedule; {number_of(late, 'schedule')} overdue."
    waiting = Run.objects.waiting().count()
    return f"Nothing is run; {number_of(waiting, 'run')} waiting."


# Schedules ------------------------------------------------------------------


def _overdue(now: datetime) -> Iterator[Finding]:
    """Yield the schedules whose next slot is past, and that nobody has taken up."""
    tell_at = ExpressionWrapper(
        F("next_slot") + F("alert_after"), output_field=DateTimeField()
    )
    late = Schedule.objects.on(now).filter(next_slot__lte=now).annotate(tell_at=tell_at)
    for schedule in late.filter(tell_at__lte=now).select_related("periodic_task"):
        assert schedule.next_slot is not None  # noqa: S101 - as filtered
        yield _about(
            schedule,
            Kind.LATE,
            f"The slot of {format_instant(schedule.next_slot)} is past, and no beat"
            " has taken it up.",
        )


def _gaps(now: datetime, overdue: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the slots that were passed over. One told of stays under suspicion."""
    told = Incident.objects.filter(
        kind=Kind.LATE, closed_at=None, periodic_task__isnull=False
    )
    known = {finding.task_id for finding in overdue}
    suspects = set(told.values_list("periodic_task__pk", flat=True)) - known
    for gap in find_gaps(now, suspects=suspects):
        yield _about(
            gap.schedule,
            Kind.LATE,
            f"The slot of {format_instant(gap.first)} has no run:"
            f" {number_of(gap.count, 'slot')} passed over and written down nowhere.",
        )


def _unknown(now: datetime) -> Iterator[Finding]:
    """Yield what stands in django-celery-beat's table, and not in the clock's.

    Beat takes a new one up at once, and one without a marker within a minute; how
    long the latter has been there nobody knows, hence the marker that beat gives it.
    """
    in_hand = ScheduleChange.objects.filter(
        kind=ScheduleChange.Kind.TASK, row_id=OuterRef("pk"), changed_at__gt=now - GRACE
    )
    strays = PeriodicTask.objects.filter(
        ~Exists(in_hand),
        Q(date_changed=None) | Q(date_changed__lte=now - GRACE),
        enabled=True,
        clock=None,
    )
    for pk, name in strays.values_list("pk", "name"):
        yield Finding(
            kind=Kind.BROKEN,
            subject=name,
            task_id=pk,
            message="No beat has taken this schedule up: it has no next slot.",
        )


def _broken() -> Iterator[Finding]:
    """Yield the schedules that the clock itself has stopped, and why."""
    broken = Schedule.objects.filter(
        paused_by__in=PAUSED_BY_ITSELF, periodic_task__enabled=True
    )
    for schedule in broken.select_related("periodic_task"):
        yield _about(schedule, Kind.BROKEN, schedule.pause_reason)


def _about(schedule: Schedule, kind: Incident.Kind, message: str) -> Finding:
    return Finding(
        kind=kind,
        subject=schedule.periodic_task.name,
        task_id=schedule.pk,
        owner_email=schedule.owner_email,
        message=message,
    )


# Runs -----------------------------------------------------------------------


def _waiting_too_long(now: datetime) -> Iterator[Finding]:
    """Yield the oldest run of each schedule that has not started in good time.

    A run that starts anew counts from its last start; one that a task put off itself
    waits on purpose.
    """
    since = Greatest(
        Coalesce("slot", "created_at") + F("periodic_task__clock__jitter"),
        "created_at",
        Coalesce("started_at", "created_at"),
        output_field=DateTimeField(),
    )
    tell_at = ExpressionWrapper(
        since + F("periodic_task__clock__alert_after"), output_field=DateTimeField()
    )
    is_put_off = Q(
        state=Run.State.PENDING, attempts__gt=0, ring_after__gt=now + PUT_OFF
    )
    late = Run.objects.waiting().exclude(is_put_off).annotate(tell_at=tell_at)
    for run in _oldest_of_each(late.filter(tell_at__lte=now), now):
        yield _about_run(
            run, Kind.STUCK, f"{_the_run(run)} waits, and no worker has started it."
        )


def _left_behind(now: datetime) -> Iterator[Finding]:
    """Yield the runs whose worker is gone, and that no beat has taken back."""
    leased = Run.objects.filter(
        state=Run.State.RUNNING, lease_until__lte=now - LEASE_LONG_OUT
    )
    for run in _oldest_of_each(leased, now):
        assert run.lease_until is not None  # noqa: S101 - as filtered
        yield _about_run(
            run,
            Kind.STUCK,
            f"{_the_run(run)} is at work, and its worker has not been heard of since"
            f" {format_instant(run.lease_until)}.",
        )


def _oldest_of_each(runs: RunQuerySet, now: datetime) -> RunQuerySet:
    return (
        runs.filter(periodic_task__clock__in=_watched(now))
        .select_related("periodic_task__clock")
        .only(*SAID)
        .order_by("periodic_task_id", "created_at", "pk")
        .distinct("periodic_task_id")
    )


def _ended_badly(now: datetime) -> Iterator[Finding]:
    """Yield the schedules whose last run came to no good end.

    By when runs were made: so a retry that staff asked for takes the place of what
    it retries. What is being caught up is not missed yet.
    """
    last = (
        Run.objects.filter(periodic_task=OuterRef("pk"), state__in=ENDED)
        .order_by("-created_at", F("slot").desc(nulls_first=True))
        .values("pk")[:1]
    )
    caught_up = Run.objects.open().filter(
        periodic_task=OuterRef("periodic_task"), trigger=Run.Trigger.CATCH_UP
    )
    ended = Run.objects.failed().filter(
        pk__in=_watched(now).annotate(last=Subquery(last)).values("last")
    )
    missed_for_now = Q(state=Run.State.MISSED) & Exists(caught_up)
    ended = ended.exclude(missed_for_now).only(*SAID)
    for run in ended.select_related("periodic_task__clock"):
        yield _about_run(run, KIND_OF_END[Run.State(run.state)], _bad_end(run))


def _watched(now: datetime) -> QuerySet[Schedule]:
    """Return the schedules whose runs matter: also those that the clock stopped."""
    stopped = Schedule.objects.filter(
        paused_by__in=PAUSED_BY_ITSELF, periodic_task__enabled=True
    )
    return Schedule.objects.on(now) | stopped


def _about_run(run: Run, kind: Incident.Kind, message: str) -> Finding:
    assert run.periodic_task is not None  # noqa: S101 - it has a schedule
    return _about(run.periodic_task.clock, kind, message)


def _bad_end(run: Run) -> str:
    if run.state == Run.State.FAILED:
        first_line = run.error.strip().split("\n", 1)[0][:LONGEST_ERROR]
        return f"{_the_run(run)} failed. {first_line}".rstrip()
    if run.state == Run.State.LOST:
        return f"{_the_run(run)} was lost. {run.reason}"
    return f"{_the_run(run)} did not take place. {run.reason}"


def _the_run(run: Run) -> str:
    if run.slot:
        return f"The run of {format_instant(run.slot)}"
    return f"The run asked for at {format_instant(run.created_at)}"


def _slot_faults(now: datetime) -> str:
    """Count the slots that are overdue, and those that the watch has missed."""
    overdue = Schedule.objects.on(now).filter(next_slot__lte=now - GRACE)
    passed_over = Incident.objects.filter(kind=Kind.LATE, closed_at=None).exclude(
        periodic_task__clock__next_slot__lte=now
    )
    counts = {
        "overdue": overdue.count(),
        "unknown": sum(1 for _ in _unknown(now)),
        "passed over": passed_over.count(),
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
