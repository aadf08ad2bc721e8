"""Each incident is told once, and once when it is over, whatever the server does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings

from scheduling.alerts import MAILS_AN_HOUR, UNDER_WAY, tell_incidents
from scheduling.clock import database_now
from scheduling.incidents import OVER, Finding, reconcile
from scheduling.mail_text import MOST_INCIDENTS, REMEDIES
from scheduling.models import Incident
from tests.scheduling.mailbox import Mailbox, Mood, open_mailbox
from tests.scheduling.watching import DESK, MINUTE, schedule

pytestmark = pytest.mark.django_db(transaction=True)

OWNER = "anna@example.org"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with open_mailbox() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _email(settings: Settings, mailbox: Mailbox) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mailbox.port
    settings.EMAIL_TIMEOUT = 0.5
    settings.EMAIL_IS_ON = True
    settings.SCHEDULING_ALERT_EMAILS = [DESK]


def failed(count: int = 1, **fields: Any) -> list[Finding]:
    return [
        Finding(
            **{
                "kind": Incident.Kind.FAILED,
                "subject": f"Chore {n}",
                "message": "It failed.",
            }
            | fields
        )
        for n in range(count)
    ]


def happen(*findings: Finding) -> None:
    """Let these be what is wrong, and tell of it."""
    reconcile(findings, now=database_now())
    tell_incidents()


def let_time_pass(time: timedelta) -> None:
    """Move everything that the incidents say into the past."""
    instants = ("opened_at", "closed_at", "mail_after")
    told = ("told_opened_at", "told_closed_at")
    Incident.objects.update(**{name: F(name) - time for name in instants + told})


def told(incident: Incident) -> tuple[bool, bool]:
    incident.refresh_from_db()
    return (incident.told_opened_at is not None, incident.told_closed_at is not None)


def subjects(mailbox: Mailbox) -> list[str]:
    return [mail["Subject"] for mail in mailbox.mails]


def test_incident_is_told_once_and_once_when_it_is_over(mailbox: Mailbox) -> None:
    finding = failed()

    for _ in range(3):
        happen(*finding)
    for _ in range(3):
        happen()

    assert subjects(mailbox) == [
        "[Order Desk] A run failed: Chore 0",
        "[Order Desk] Over: A run failed: Chore 0",
    ]
    assert told(Incident.objects.get()) == (True, True)
    assert Incident.objects.get().mail_error == ""


def test_mail_says_what_and_since_when_and_what_to_do(
    mailbox: Mailbox, settings: Settings
) -> None:
    settings.SITE_URL = "https://orders.example.com"
    settings.DEFAULT_FROM_EMAIL = "Order Desk <desk@example.com>"
    one = schedule(owner_email=OWNER)
    happen(*failed(subject=one.periodic_task.name, task_id=one.pk, owner_email=OWNER))

    (mail,) = mailbox.mails
    text = mail.get_content()
    incident = Incident.objects.get()
    assert (mail["From"], mail["To"]) == ("Order Desk <desk@example.com>", OWNER)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert f"A run failed: {one.periodic_task.name}" in text
    assert f"Since {incident.opened_at:%Y-%m-%d %H:%M:%S} UTC." in text
    assert "What to do: Read the run's error" in text
    page = f"/admin/django_celery_beat/periodictask/{one.pk}/change/"
    assert f"https://orders.example.com{page}" in text
    assert "docs/runbook.md#a-run-failed" in text


def test_outage_is_one_mail_to_each_of_those_who_are_told(mailbox: Mailbox) -> None:
    owned = failed(40, owner_email=OWNER)
    others = failed(500, kind=Incident.Kind.BROKEN)

    happen(*owned, *others)

    mails = {mail["To"]: mail for mail in mailbox.mails}
    assert len(mailbox.mails) == 2
    assert mails[OWNER]["Subject"] == "[Order Desk] 40 incidents of the clock"
    assert mails[DESK]["Subject"] == "[Order Desk] 500 incidents of the clock"
    assert mails[DESK].get_content().count("It failed.") == MOST_INCIDENTS
    assert f"And {500 - MOST_INCIDENTS} other incidents." in mails[DESK].get_content()


def test_incidents_one_after_the_other_are_a_few_mails_an_hour(
    mailbox: Mailbox,
) -> None:
    findings = failed(20)

    for n in range(20):
        happen(*findings[: n + 1])
    soon = len(mailbox.mails)
    let_time_pass(timedelta(hours=1))
    happen(*findings)

    assert soon == MAILS_AN_HOUR
    assert subjects(mailbox)[-1] == "[Order Desk] 14 incidents of the clock"
    assert not Incident.objects.filter(told_opened_at=None)


def test_what_is_over_before_it_settled_is_not_told(mailbox: Mailbox) -> None:
    late = failed(kind=Incident.Kind.LATE)
    happen(*late)
    happen()
    let_time_pass(2 * MINUTE)

    happen(*late)
    assert mailbox.mails == []
    let_time_pass(2 * MINUTE)
    happen(*late)

    assert subjects(mailbox) == ["[Order Desk] A run is late: Chore 0"]


def test_beginning_and_end_that_could_not_be_told_are_one_mail(
    mailbox: Mailbox,
) -> None:
    mailbox.mood = Mood.REFUSES
    happen(*failed())
    mailbox.mood = Mood.WELL
    let_time_pass(2 * MINUTE)
    happen()

    assert subjects(mailbox) == ["[Order Desk] Over: A run failed: Chore 0"]
    assert told(Incident.objects.get()) == (True, True)


def test_old_ends_are_no_news(mailbox: Mailbox, settings: Settings) -> None:
    settings.EMAIL_IS_ON = False
    happen(*failed(2))
    happen(*failed(1))
    assert mailbox.mails == []
    let_time_pass(timedelta(days=2))

    settings.EMAIL_IS_ON = True
    happen(*failed(1))

    assert subjects(mailbox) == ["[Order Desk] A run failed: Chore 0"]


@pytest.mark.parametrize("mood", [Mood.REFUSES, Mood.REFUSES_DATA, Mood.MUTE])
def test_mail_that_was_not_taken_is_tried_again_later(
    mailbox: Mailbox, mood: Mood
) -> None:
    mailbox.mood = mood
    happen(*failed())
    incident = Incident.objects.get()
    assert told(incident) == (False, False)
    assert incident.mail_error.startswith("It was not sent. ")
    assert incident.mail_after > database_now() + timedelta(seconds=30)

    mailbox.mood = Mood.WELL
    happen(*failed())
    assert mailbox.mails == []
    let_time_pass(2 * MINUTE)
    happen(*failed())

    assert len(mailbox.mails) == 1
    assert told(incident) == (True, False)
    assert incident.mail_error == ""


def test_server_that_is_away_is_asked_less_and_less(
    settings: Settings, mailbox: Mailbox
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        settings.EMAIL_PORT = closed.getsockname()[1]
    waits = []

    happen(*failed())
    for _ in range(8):
        incident = Incident.objects.get()
        wait = incident.mail_after - database_now()
        waits.append(round(wait / MINUTE))
        let_time_pass(wait + timedelta(seconds=1))
        happen(*failed())

    assert waits == pytest.approx([1, 1, 2, 4, 8, 16, 30, 30], abs=1)
    assert "ConnectionRefusedError" in Incident.objects.get().mail_error
    settings.EMAIL_PORT = mailbox.port
    let_time_pass(31 * MINUTE)
    happen(*failed())
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("mood", [Mood.DROPS_AFTER_DATA, Mood.HANGS_AFTER_DATA])
def test_mail_that_may_have_arrived_is_not_sent_again(
    mailbox: Mailbox, mood: Mood
) -> None:
    mailbox.mood = mood
    happen(*failed())
    incident = Incident.objects.get()
    assert told(incident) == (True, False)
    assert incident.mail_error.startswith(UNDER_WAY)

    mailbox.mood = Mood.WELL
    let_time_pass(timedelta(hours=2))
    happen(*failed())
    assert len(mailbox.mails) == 1
    happen()

    assert subjects(mailbox)[1:] == ["[Order Desk] Over: A run failed: Chore 0"]


def test_address_that_is_refused_does_not_keep_others_from_being_told(
    mailbox: Mailbox,
) -> None:
    mailbox.mood = Mood.KNOWS_NOT_NOBODY
    nobody = failed(owner_email="nobody@example.org")
    others = failed(kind=Incident.Kind.BROKEN)

    happen(*nobody, *others)
    happen(*nobody, *others)

    assert [mail["To"] for mail in mailbox.mails] == [DESK]
    refused = Incident.objects.get(kind="failed")
    assert told(refused) == (False, False)
    assert "SMTPRecipientsRefused" in refused.mail_error


def test_name_and_address_that_no_mail_can_hold_stop_nothing(mailbox: Mailbox) -> None:
    odd = failed(subject="Two\nlines\r\nBcc: eve@example.org", owner_email="a\nb@c.d")
    other = failed(subject="Two\nlines\r\nBcc: eve@example.org", kind="broken")

    happen(*odd, *other)
    happen(*odd, *other)

    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    assert "Two lines Bcc: eve@example.org" in mail["Subject"]
    assert "Invalid address" in Incident.objects.get(kind="failed").mail_error


def test_claim_of_a_process_that_died_runs_out(mailbox: Mailbox) -> None:
    reconcile(failed(), now=database_now())
    Incident.objects.update(mail_after=database_now() + 5 * MINUTE)

    happen(*failed())
    assert mailbox.mails == []
    let_time_pass(6 * MINUTE)
    happen(*failed())

    assert len(mailbox.mails) == 1


def test_logs_hold_no_names_and_no_addresses(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.mood = Mood.REFUSES
    happen(*failed(owner_email=OWNER))

    said = [record for record in caplog.records if "alert" in record.getMessage()]
    assert [record.getMessage() for record in said] == ["alert_not_sent"]
    assert not any(
        word in str(vars(record)) for record in said for word in (OWNER, "Chore")
    )


def test_every_kind_has_a_remedy_an_ending_and_a_chapter(settings: Settings) -> None:
    runbook = (settings.BASE_DIR / "docs/runbook.md").read_text()

    for kind in Incident.Kind:
        assert f"\n## {kind.label}\n" in runbook
        assert REMEDIES[kind]
        assert OVER[kind]
