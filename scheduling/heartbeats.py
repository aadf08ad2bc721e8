"""Which processes of the clock say that they live."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Value
from django.db.models.functions import Now

from scheduling.models import Heartbeat

#: A beat says so every five seconds, a worker every twenty.
ALIVE_WITHIN = timedelta(seconds=60)
#: For how long a process that was not seen again is remembered.
MEMORY = timedelta(days=1)


def record(kind: Heartbeat.Kind, name: str) -> None:
    """Write down that a process is at work now, by the database's clock."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(kind=kind, name=name, started_at=Now(), seen_at=Now())],
        update_conflicts=True,
        unique_fields=("kind", "name"),
        update_fields=("seen_at",),
    )


def remove(kind: Heartbeat.Kind, name: str) -> None:
    """Take back what a process said: it has ended, and is not missed."""
    Heartbeat.objects.filter(kind=kind, name=name).delete()


def delete_stale() -> None:
    """Remove the processes of whatever kind that nobody has seen for a day."""
    Heartbeat.objects.filter(seen_at__lt=Now() - Value(MEMORY)).delete()
