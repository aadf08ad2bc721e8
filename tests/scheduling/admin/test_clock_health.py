"""Clock health on the front page: in words, and for those who may see runs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from scheduling import heartbeats
from scheduling.models import Heartbeat, Incident, Schedule
from tests.scheduling.admin.desk import RUNS, staff, text
from tests.scheduling.schedules import every, ran, waits

pytestmark = pytest.mark.django_db

FRONT = reverse("admin:index")
INCIDENTS = "scheduling.view_incident"


def all_alive() -> None:
    for kind in Heartbeat.Kind:
        heartbeats.record(kind, f"desk-{kind}-1")


def failing() -> Incident:
    now = timezone.now()
    return Incident.objects.create(
        kind=Incident.Kind.FAILED,
        subject="Nightly",
        message="It failed.",
        opened_at=now,
        seen_at=now,
        mail_after=now,
    )


def test_it_says_when_all_is_well() -> None:
    all_alive()
    ran(every())

    page = text(staff(RUNS).get(FRONT))

    assert "All is well: 1 beat and 1 worker are at work" in page
    assert "0 waiting" in page
    assert "worker desk-worker-1: alive" in page


def test_it_says_what_to_do_where_no_beat_is_alive() -> None:
    page = text(staff(RUNS).get(FRONT))

    assert "The clock has 2 problems." in page
    assert "docker compose up -d beat" in page


def test_its_figures_lead_to_the_rows_behind_them() -> None:
    waits(every())
    ran(every(), "failed")
    client = staff(RUNS)
    runs = reverse("admin:scheduling_run_changelist")

    front = client.get(FRONT).content.decode()
    waiting = client.get(runs, {"state": "waiting"}).context["cl"].result_count
    failed = client.get(runs, {"state": "trouble", "day": "24h"})

    assert f'{runs}?state=waiting"><strong>1</strong>' in front
    assert f'{runs}?state=trouble&amp;day=24h"><strong>1</strong>' in front
    assert (waiting, failed.context["cl"].result_count) == (1, 1)


def test_what_is_overdue_leads_to_those_schedules() -> None:
    past = timezone.now() - timedelta(minutes=5)
    Schedule.objects.filter(pk=every(name="Late one").pk).update(next_slot=past)
    client = staff(RUNS, "scheduling.view_schedule")
    schedules = reverse("admin:django_celery_beat_periodictask_changelist")

    front = client.get(FRONT).content.decode()

    assert f'{schedules}?overdue=yes"><strong>1</strong>' in front
    assert "Late one" in text(client.get(schedules, {"overdue": "yes"}))


def test_incidents_are_counted_alone_for_whoever_may_not_see_them() -> None:
    page = reverse("admin:scheduling_incident_change", args=[failing().pk])

    without = staff(RUNS).get(FRONT).content.decode()

    assert page not in without
    assert "<strong>1</strong> open incident" in without


def test_incidents_are_named_for_whoever_may_see_them() -> None:
    page = reverse("admin:scheduling_incident_change", args=[failing().pk])

    assert page in staff(RUNS, INCIDENTS).get(FRONT).content.decode()


def test_others_see_nothing_of_it_and_cost_no_query() -> None:
    client = staff("orders.view_order")

    with CaptureQueriesContext(connection) as made:
        answer = client.get(FRONT)

    assert "Clock health" not in text(answer)
    assert not [one for one in made if "scheduling_" in one["sql"]]


def test_the_rest_of_the_front_page_is_still_there(admin_client: Client) -> None:
    page = text(admin_client.get(FRONT))

    assert "Clock health" in page
    assert "Authentication and Authorization" in page
    assert "Recent actions" in page
