"""`/readyz?deep=1` says of the clock, too, whether it goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from scheduling.clock import database_now
from scheduling.models import Heartbeat, Incident, Schedule
from tests.scheduling.watching import MINUTE, all_alive, schedule

pytestmark = pytest.mark.django_db

SERVERS = {"database": "ok", "migrations": "ok", "broker": "ok"}
CLOCK = {"beat": "ok", "worker": "ok", "slots": "ok"}


def deep(client: Client) -> tuple[int, dict[str, str]]:
    """Ask, and return the status and what is said of the clock alone."""
    response = client.get("/readyz?deep=1")
    answer: dict[str, Any] = response.json()
    assert answer["ready"] == (response.status_code == 200)
    checks = answer["checks"]
    assert SERVERS.items() <= checks.items()
    return response.status_code, {
        name: said for name, said in checks.items() if name not in SERVERS
    }


def test_clock_that_goes_is_well(client: Client) -> None:
    all_alive()
    schedule()

    assert deep(client) == (200, CLOCK)


def test_plain_question_is_not_about_the_clock(client: Client) -> None:
    for path in ("/readyz", "/readyz?deep=0", "/readyz?deep="):
        response = client.get(path)

        assert response.status_code == 200
        assert response.json()["checks"] == SERVERS


@pytest.mark.parametrize("process", ["beat", "worker"])
def test_process_that_is_not_alive_is_named(client: Client, process: str) -> None:
    all_alive()

    Heartbeat.objects.filter(kind=process).update(seen_at=database_now() - 2 * MINUTE)

    assert deep(client) == (503, CLOCK | {process: "none seen for 60 s"})


def test_installation_without_beat_and_worker_is_not_ready(client: Client) -> None:
    status, clock = deep(client)

    assert status == 503
    assert clock["beat"] == clock["worker"] == "none seen for 60 s"


def test_slots_overdue_for_three_minutes_are_counted(client: Client) -> None:
    all_alive()
    one = Schedule.objects.filter(pk=schedule(alert_after=None).pk)

    one.update(next_slot=database_now() - timedelta(minutes=2, seconds=50))
    assert deep(client) == (200, CLOCK)
    one.update(next_slot=database_now() - timedelta(minutes=3))

    assert deep(client) == (503, CLOCK | {"slots": "1 overdue"})


def test_slots_that_the_watch_found_missing_are_counted(client: Client) -> None:
    all_alive()
    one = schedule()
    now = database_now()

    Incident.objects.create(
        kind=Incident.Kind.LATE,
        subject=one.periodic_task.name,
        periodic_task_id=one.pk,
        opened_at=now,
        seen_at=now,
        mail_after=now,
    )

    assert deep(client) == (503, CLOCK | {"slots": "1 passed over"})


def test_schedule_that_is_paused_is_not_overdue(client: Client) -> None:
    all_alive()
    now = database_now()
    one = Schedule.objects.filter(pk=schedule().pk)
    one.update(next_slot=now - timedelta(hours=1))
    assert deep(client)[1]["slots"] == "1 overdue"

    one.update(paused_at=now, paused_by="anna", pause_reason="Stocktaking")

    assert deep(client) == (200, CLOCK)


def test_clock_is_not_asked_where_the_database_has_gone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", 1)

    response = client.get("/readyz?deep=1")

    assert response.status_code == 503
    assert set(response.json()["checks"]) == set(SERVERS)


def test_answer_names_no_schedule(client: Client) -> None:
    all_alive()
    one = schedule()
    Schedule.objects.update(next_slot=database_now() - timedelta(hours=1))

    response = client.get("/readyz?deep=1")

    assert response.status_code == 503
    assert one.periodic_task.name not in response.content.decode()
