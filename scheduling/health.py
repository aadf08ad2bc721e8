"""Whether the clock is well, and what to do where it is not: a few cheap queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, DurationField, ExpressionWrapper, F, Min
from django.db.models.functions import Coalesce, Now

from scheduling.formatting import format_duration, number_of
from scheduling.heartbeats import ALIVE_WITHIN, MEMORY
from scheduling.models import Heartbeat, Incident, Run, Schedule
from scheduling.policy import ON_TIME

#: Runs that wait longer than this ask for a look at the workers.
LONG_WAIT = timedelta(minutes=2)
RECENTLY = timedelta(days=1)
#: So many are counted or named, and no more.
MOST_COUNTED = 1000
MOST_NAMED = 5


@dataclass(frozen=True)
class Process:
    """A beat or a worker, and how long ago it was seen."""

    kind: str
    name: str
    unseen_for: timedelta

    @property
    def is_alive(self) -> bool:
        return self.unseen_for <= ALIVE_WITHIN


@dataclass(frozen=True)
class Waiting:
    """Runs whose time has come and that no worker has begun."""

    count: int
    oldest_for: timedelta | None


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do about it, each a sentence."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Health:
    """How the clock is at this moment, by the database's time."""

    processes: Sequence[Process]
    waiting: Waiting
    overdue: Sequence[Schedule]
    failures: int
    incidents: Sequence[Incident]
    open_incidents: int
    most_counted: int = MOST_COUNTED
    most_named: int = MOST_NAMED

    @property
    def beats(self) -> list[Process]:
        return _alive(self.processes, Heartbeat.Kind.BEAT)

    @property
    def workers(self) -> list[Process]:
        return _alive(self.processes, Heartbeat.Kind.WORKER)

    @property
    def problems(self) -> list[Problem]:
        """What asks for a hand now, the worst first; none where all is well."""
        found = (
            _no_beat(self),
            _no_worker(self),
            _overdue(self),
            _waiting_long(self),
            _incidents(self),
        )
        return [problem for problem in found if problem]

    @property
    def summary(self) -> str:
        """One sentence for the top of the page."""
        if self.problems:
            return f"The clock has {number_of(len(self.problems), 'problem')}."
        return (
            f"All is well: {number_of(len(self.beats), 'beat')} and"
            f" {number_of(len(self.workers), 'worker')} are at work, and nothing is"
            " overdue."
        )


def check() -> Health:
    """Return how the clock is. Six queries, each on an index."""
    overdue = Schedule.objects.select_related("periodic_task").filter(
        next_slot__lt=Now() - ON_TIME
    )
    failures = Run.objects.failed().filter(created_at__gte=Now() - RECENTLY)
    incidents = Incident.objects.filter(closed_at__isnull=True).order_by(
        "-opened_at", "pk"
    )
    return Health(
        processes=_processes(),
        waiting=_waiting(),
        overdue=list(overdue.order_by("next_slot", "pk")[:MOST_NAMED]),
        failures=failures.order_by()[:MOST_COUNTED].count(),
        incidents=list(incidents[:MOST_NAMED]),
        open_incidents=incidents.order_by()[:MOST_COUNTED].count(),
    )


def _processes() -> list[Process]:
    ago = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    seen = Heartbeat.objects.annotate(ago=ago).filter(seen_at__gt=Now() - MEMORY)
    rows = seen.order_by("kind", "name").values_list("kind", "name", "ago")
    return [Process(*row) for row in rows]


def _waiting() -> Waiting:
    """Look at those whose time has come: not at a retry that is an hour ahead.

    One that has run before, and is to run again, waits since its last start.
    """
    since = Min(Coalesce("started_at", "created_at"))
    waited = ExpressionWrapper(Now() - since, output_field=DurationField())
    due = Run.objects.waiting().exclude(state=Run.State.PENDING, ring_after__gt=Now())
    found = due.aggregate(count=Count("pk"), oldest_for=waited)
    return Waiting(**found)


def _alive(processes: Sequence[Process], kind: str) -> list[Process]:
    return [one for one in processes if one.kind == kind and one.is_alive]


def _no_beat(health: Health) -> Problem | None:
    if health.beats:
        return None
    return Problem(
        f"No beat is alive{_last_seen(health, Heartbeat.Kind.BEAT)}: nothing starts by"
        " itself, and runs asked for by hand wait.",
        "Start one (docker compose up -d beat, or celery -A config beat) and read what"
        " it says. Slots that passed meanwhile are caught up as each schedule says.",
    )


def _no_worker(health: Health) -> Problem | None:
    if health.workers:
        return None
    return Problem(
        f"No worker is alive{_last_seen(health, Heartbeat.Kind.WORKER)}: runs are"
        " written down, and wait.",
        "Start one (docker compose up -d worker, or celery -A config worker) and read"
        " what it says.",
    )


def _last_seen(health: Health, kind: str) -> str:
    gone = [one.unseen_for for one in health.processes if one.kind == kind]
    return f" (the last was seen {format_duration(min(gone))} ago)" if gone else ""


def _overdue(health: Health) -> Problem | None:
    # Without a beat everything is overdue: that has been said.
    if not health.overdue or not health.beats:
        return None
    return Problem(
        f"Overdue: {', '.join(str(schedule) for schedule in health.overdue)}.",
        "A beat is alive and has not sent them: read what it says.",
    )


def _waiting_long(health: Health) -> Problem | None:
    waited = health.waiting.oldest_for
    if waited is None or waited < LONG_WAIT or not health.workers:
        return None
    return Problem(
        f"A run has waited for {format_duration(waited)}.",
        "The workers are busy, or the broker does not pass on what it is told: look"
        " at the runs at work, and at Redis.",
    )


def _incidents(health: Health) -> Problem | None:
    if not health.open_incidents:
        return None
    return Problem(
        f"{number_of(health.open_incidents, 'incident')} still open.",
        "Each says what is wrong, since when, and who was told.",
    )
