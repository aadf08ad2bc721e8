"""Which processes are remembered, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduling import heartbeats
from scheduling.clock import database_now
from scheduling.models import Heartbeat

pytestmark = pytest.mark.django_db

BEAT, WORKER = Heartbeat.Kind.BEAT, Heartbeat.Kind.WORKER


def test_process_is_seen_by_the_clock_of_the_database() -> None:
    before = database_now()
    heartbeats.record(WORKER, "celery@here/7")
    started_at = Heartbeat.objects.get().started_at

    heartbeats.record(WORKER, "celery@here/7")
    heartbeats.record(BEAT, "celery@here/7")

    worker = Heartbeat.objects.get(kind="worker")
    assert before <= started_at == worker.started_at <= worker.seen_at <= database_now()
    assert Heartbeat.objects.count() == 2


def test_process_that_has_ended_is_not_missed() -> None:
    heartbeats.record(WORKER, "celery@here/7")
    heartbeats.record(WORKER, "celery@there/7")

    heartbeats.remove(WORKER, "celery@here/7")

    assert Heartbeat.objects.get().name == "celery@there/7"


def test_process_not_seen_for_a_day_is_forgotten() -> None:
    for name, hours in (("of old", 25), ("of today", 23)):
        seen_at = database_now() - timedelta(hours=hours)
        Heartbeat.objects.create(
            kind=BEAT, name=name, started_at=seen_at, seen_at=seen_at
        )

    heartbeats.delete_stale()

    assert Heartbeat.objects.get().name == "of today"
