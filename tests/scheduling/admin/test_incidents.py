"""Incidents: read by those who may, written by the watch alone."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from scheduling.alerts import UNDER_WAY
from scheduling.incidents import EMAIL_IS_OFF
from scheduling.models import Incident
from tests.scheduling.admin.desk import RUNS, staff, text
from tests.scheduling.schedules import every

pytestmark = pytest.mark.django_db

LIST = reverse("admin:scheduling_incident_changelist")
RIGHT = "scheduling.view_incident"
BEGAN = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


def incident(**fields: Any) -> Incident:
    values = {
        "kind": Incident.Kind.FAILED,
        "subject": "Nightly",
        "message": "It failed three times.",
        "opened_at": BEGAN,
        "seen_at": BEGAN,
        "mail_after": BEGAN,
        "recipients": ["desk@example.org"],
    }
    return Incident.objects.create(**values | fields)


def page_of(one: Incident) -> str:
    return reverse("admin:scheduling_incident_change", args=[one.pk])


def test_the_list_says_what_was_wrong_and_for_how_long() -> None:
    incident(closed_at=BEGAN + timedelta(minutes=90), told_opened_at=BEGAN)

    page = text(staff(RIGHT).get(LIST))

    assert "Nightly A run failed Over 2026-03-01 02:30:00 UTC 1 h 30 min Told" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "open"}, {"Nightly"}),
        ({"state": "over"}, {"Hourly"}),
        ({"kind": "missed"}, {"Hourly"}),
        ({"state": "\0"}, {"Nightly", "Hourly"}),
    ],
)
def test_it_is_filtered(
    admin_client: Client, query: dict[str, str], found: set[str]
) -> None:
    incident()
    incident(subject="Hourly", kind="missed", closed_at=timezone.now())

    shown = admin_client.get(LIST, query).context["cl"].result_list

    assert {one.subject for one in shown} == found


def test_a_page_tells_an_incident_whole() -> None:
    task = every()
    one = incident(
        periodic_task=task, told_opened_at=BEGAN, mail_error="550 No such mailbox"
    )

    answer = staff(RIGHT, RUNS).get(page_of(one))

    page = text(answer)
    assert "It failed three times." in page
    assert "desk@example.org" in page
    assert "550 No such mailbox" in page
    assert "so far" in page
    assert f"?schedule={task.pk}" in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"recipients": []}, "Nobody is to be told"),
        ({}, "To be sent"),
        ({"mail_error": "refused"}, "Refused; tried again"),
        ({"mail_error": EMAIL_IS_OFF}, "E-mail is off"),
        (
            {"told_opened_at": BEGAN, "mail_error": f"{UNDER_WAY} Why."},
            "Not known whether it arrived",
        ),
        ({"told_opened_at": BEGAN}, "Told"),
        (
            {"told_opened_at": BEGAN, "told_closed_at": BEGAN, "closed_at": BEGAN},
            "Told, and that it is over",
        ),
    ],
)
def test_it_says_how_far_the_mail_has_come(fields: dict[str, Any], words: str) -> None:
    assert f"Mail {words} To" in text(staff(RIGHT).get(page_of(incident(**fields))))


def test_the_list_takes_the_same_queries_however_many_there_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for n in range(5):
        incident(subject=f"Schedule {n}", periodic_task=every())
    client = staff(RIGHT)

    # Who it is, and their rights (4); how many, and the page.
    with django_assert_num_queries(6):
        client.get(LIST)


def test_without_the_right_nothing_is_shown() -> None:
    one = incident()
    client = staff(RUNS)

    answers = {client.get(address).status_code for address in (LIST, page_of(one))}

    assert answers == {HTTPStatus.FORBIDDEN}


def test_nobody_writes_one_by_hand(admin_client: Client) -> None:
    one = incident()

    answers = {
        admin_client.post(page_of(one), {"message": "All is well."}).status_code,
        admin_client.post(LIST, {"action": "delete_selected"}).status_code,
    }
    admin_client.post(f"{LIST}{one.pk}/delete/", {"post": "yes"})

    assert answers == {HTTPStatus.METHOD_NOT_ALLOWED}
    assert Incident.objects.get().message == "It failed three times."


@pytest.mark.parametrize("key", ["x", "%00", "9" * 40, "0"])
def test_one_that_does_not_exist_leads_back(admin_client: Client, key: str) -> None:
    answer = admin_client.get(f"{LIST}{key}/change/")

    assert (answer.status_code, answer["Location"]) == (HTTPStatus.FOUND, LIST)
