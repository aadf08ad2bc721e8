"""Two watches at once: one incident, one mail."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from scheduling.alerts import tell_incidents
from scheduling.clock import database_now
from scheduling.incidents import Finding, reconcile
from scheduling.models import Incident, Run
from scheduling.watch import LOCK_KEY, turn
from tests.concurrency.connections import PATIENCE, at_once, colleague
from tests.scheduling.mailbox import Mailbox, open_mailbox
from tests.scheduling.waiting import somebody_waits_for_us, until
from tests.scheduling.watching import DESK, all_alive, run, schedule

pytestmark = pytest.mark.django_db(transaction=True)

FAILED = Finding(kind=Incident.Kind.FAILED, subject="Chore", message="It failed.")


@pytest.fixture(autouse=True)
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    with open_mailbox() as opened:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", opened.port
        settings.EMAIL_IS_ON = True
        settings.SCHEDULING_ALERT_EMAILS = [DESK]
        yield opened


def tell_without_the_lock(*findings: Finding) -> None:
    """Do what a turn does, as if no other could be at it."""
    reconcile(findings, now=database_now())
    tell_incidents()


def test_watches_at_once_open_one_incident_and_send_one_mail(mailbox: Mailbox) -> None:
    at_once(*[partial(tell_without_the_lock, FAILED)] * 4)

    assert Incident.objects.count() == 1
    assert len(mailbox.mails) == 1


def test_watch_that_waited_for_another_opens_nothing_beside_it() -> None:
    with colleague() as start:
        with transaction.atomic():
            reconcile([FAILED], now=database_now())
            opening = start(partial(reconcile, [FAILED], now=database_now()))
            until(somebody_waits_for_us)
        opening.result(PATIENCE)

    assert Incident.objects.count() == 1


def test_watches_at_once_close_an_incident_once(mailbox: Mailbox) -> None:
    tell_without_the_lock(FAILED)

    at_once(*[tell_without_the_lock] * 4)

    assert Incident.objects.get().message.count("deleted") == 1
    assert len(mailbox.mails) == 2


def test_watch_that_finds_another_at_it_does_nothing() -> None:
    all_alive()
    run(schedule(), state=Run.State.FAILED)

    with colleague() as start:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
            start(turn).result(PATIENCE)
        assert not Incident.objects.exists()
        start(turn).result(PATIENCE)

    assert Incident.objects.count() == 1


def test_turns_at_once_send_one_mail(mailbox: Mailbox) -> None:
    all_alive()
    run(schedule(), state=Run.State.FAILED)

    at_once(*[turn] * 4)
    turn()

    assert Incident.objects.count() == 1
    assert len(mailbox.mails) == 1
