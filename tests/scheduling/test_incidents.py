"""Incidents open, go on and close with the findings that are found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from scheduling.clock import database_now
from scheduling.incidents import (
    EMAIL_IS_OFF,
    NOBODY_TO_TELL,
    SETTLING,
    Finding,
    reconcile,
)
from scheduling.models import Incident, Schedule
from tests.scheduling.watching import DESK, MINUTE, open_kinds, schedule

pytestmark = pytest.mark.django_db

FAILED = Finding(kind=Incident.Kind.FAILED, subject="Chore", message="It failed.")
LATE = replace(FAILED, kind=Incident.Kind.LATE)


@pytest.fixture(autouse=True)
def _email(settings: Settings) -> None:
    settings.EMAIL_IS_ON = True
    settings.SCHEDULING_ALERT_EMAILS = [DESK]


def about(one: Schedule, **fields: Any) -> Finding:
    subject = one.periodic_task.name
    return replace(FAILED, subject=subject, task_id=one.pk, **fields)


def ending_of(finding: Finding) -> str:
    reconcile([finding], now=database_now())
    reconcile([], now=database_now())
    message = Incident.objects.get(kind=finding.kind, subject=finding.subject).message
    said, ending = message.split("\n")
    assert said == finding.message
    return ending


def test_trouble_found_twice_is_one_incident_that_goes_on() -> None:
    now = database_now()

    reconcile([FAILED, FAILED], now=now)
    reconcile([replace(FAILED, message="It failed again.")], now=now + MINUTE)

    incident = Incident.objects.get()
    assert (incident.opened_at, incident.seen_at) == (now, now + MINUTE)
    assert (incident.message, incident.closed_at) == ("It failed again.", None)


def test_incident_that_is_not_found_again_is_over_and_may_come_back() -> None:
    now = database_now()

    reconcile([FAILED], now=now)
    reconcile([], now=now + MINUTE)
    reconcile([FAILED], now=now + 2 * MINUTE)

    first, second = Incident.objects.order_by("opened_at")
    assert first.closed_at == now + MINUTE
    assert second.is_open


def test_kinds_of_one_schedule_are_incidents_of_their_own() -> None:
    reconcile([FAILED, LATE], now=database_now())

    assert open_kinds() == [("failed", "Chore"), ("late", "Chore")]


def test_schedule_that_fails_and_is_then_missed_goes_on_with_one_incident() -> None:
    missed = replace(FAILED, kind=Incident.Kind.MISSED, message="It was missed.")

    reconcile([FAILED], now=database_now())
    reconcile([missed], now=database_now())

    incident = Incident.objects.get()
    assert (incident.kind, incident.message) == ("failed", "It was missed.")
    assert incident.is_open


def test_kind_that_is_not_to_open_goes_on_and_closes() -> None:
    other = replace(LATE, subject="Other")
    now = database_now()
    reconcile([LATE], now=now)

    reconcile([LATE, other], now=now, not_opening=[Incident.Kind.LATE])
    assert open_kinds() == [("late", "Chore")]
    reconcile([other], now=now, not_opening=[Incident.Kind.LATE])

    assert open_kinds() == []


def test_clock_that_went_back_closes_no_incident_before_it_opened() -> None:
    now = database_now()
    reconcile([FAILED], now=now)

    reconcile([], now=now - timedelta(hours=1))

    assert Incident.objects.get().closed_at == now


def test_owner_is_told_and_otherwise_the_desk() -> None:
    owned = replace(FAILED, subject="Owned", owner_email="anna@example.org")

    reconcile([owned, FAILED], now=database_now())

    told = dict(Incident.objects.values_list("subject", "recipients"))
    assert told == {"Owned": ["anna@example.org"], "Chore": [DESK]}


def test_who_is_told_is_decided_at_the_opening(settings: Settings) -> None:
    reconcile([FAILED], now=database_now())

    settings.SCHEDULING_ALERT_EMAILS = ["new@example.org"]
    reconcile([FAILED], now=database_now())
    reconcile([], now=database_now())

    assert Incident.objects.get().recipients == [DESK]


def test_incident_says_that_nobody_will_hear_of_it(settings: Settings) -> None:
    settings.SCHEDULING_ALERT_EMAILS = []
    reconcile([FAILED], now=database_now())
    settings.EMAIL_IS_ON = False
    reconcile([FAILED, LATE], now=database_now())

    said = dict(Incident.objects.values_list("kind", "mail_error"))
    assert said == {"failed": NOBODY_TO_TELL, "late": EMAIL_IS_OFF}


def test_what_often_passes_by_itself_is_not_told_at_once() -> None:
    now = database_now()

    reconcile([FAILED, LATE], now=now)

    mail_after = dict(Incident.objects.values_list("kind", "mail_after"))
    assert mail_after == {"failed": now, "late": now + SETTLING}


def test_ending_says_that_it_is_mended() -> None:
    assert ending_of(about(schedule())) == "A later run has succeeded."


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"enabled": False}, "The schedule has been switched off."),
        ({"name": "Duty"}, "The schedule is called “Duty” now."),
    ],
)
def test_ending_says_what_staff_did(fields: dict[str, Any], ending: str) -> None:
    one = schedule()
    finding = about(one)

    PeriodicTask.objects.filter(pk=one.pk).update(**fields)

    assert ending_of(finding) == ending


def test_ending_says_who_paused_the_schedule() -> None:
    one = schedule(
        paused_at=database_now(), paused_by="anna", pause_reason="Stocktaking"
    )

    ending = ending_of(about(one))

    assert ending == "The schedule has been paused by anna: Stocktaking"


def test_ending_says_that_the_schedule_is_gone() -> None:
    one = schedule()
    finding = about(one)
    reconcile([finding], now=database_now())

    PeriodicTask.objects.filter(pk=one.pk).delete()
    reconcile([], now=database_now())

    incident = Incident.objects.get()
    assert incident.periodic_task_id is None
    assert incident.message.endswith("The schedule has been deleted.")
