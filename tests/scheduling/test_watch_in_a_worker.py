"""A worker's main process watches beside its work, and tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from scheduling.alerts import UNDER_WAY
from scheduling.clock import database_now
from scheduling.models import Incident, Run
from tests.processes import StartCelery
from tests.scheduling.mailbox import Mailbox, Mood, open_mailbox
from tests.scheduling.runs import start_worker
from tests.scheduling.waiting import until
from tests.scheduling.watching import DESK, age_the_installation, run, schedule


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with open_mailbox() as opened:
        monkeypatch.setenv("EMAIL_URL", f"smtp://127.0.0.1:{opened.port}")
        monkeypatch.setenv("SCHEDULING_ALERT_EMAILS", DESK)
        yield opened


@pytest.fixture(autouse=True)
def _no_beat_yet(transactional_db: None) -> None:  # noqa: ARG001 - has the table
    """Let nobody miss the beat that is not started, however long the tests go on."""
    age_the_installation(timedelta())


def test_worker_tells_of_a_run_that_failed_and_of_its_end(
    mailbox: Mailbox, start_celery: StartCelery
) -> None:
    one = schedule()
    failed = run(one, state=Run.State.FAILED, error="LookupError: 7")

    start_worker(start_celery)
    until(lambda: len(mailbox.mails) == 1)
    Run.objects.filter(pk=failed.pk).update(state=Run.State.SUCCEEDED)
    until(lambda: len(mailbox.mails) == 2)

    name = one.periodic_task.name
    assert [mail["Subject"] for mail in mailbox.mails] == [
        f"[Order Desk] A run failed: {name}",
        f"[Order Desk] Over: A run failed: {name}",
    ]
    incident = Incident.objects.get(kind="failed")
    until(lambda: Incident.objects.filter(pk=incident.pk, mail_error="").exists())
    assert incident.recipients == [DESK]


def test_mail_in_the_middle_of_which_the_worker_was_killed_is_not_sent_again(
    mailbox: Mailbox, start_celery: StartCelery
) -> None:
    known, new = schedule(), schedule()
    run(known, state=Run.State.FAILED)
    mailbox.mood = Mood.HANGS_AFTER_DATA
    worker = start_worker(start_celery)
    until(lambda: len(mailbox.mails) == 1)

    worker.kill()
    mailbox.mood = Mood.WELL
    run(new, state=Run.State.FAILED)
    Incident.objects.update(mail_after=database_now())
    start_worker(start_celery)
    until(lambda: len(mailbox.mails) == 2)

    names = [one.periodic_task.name for one in (known, new)]
    assert [mail["Subject"] for mail in mailbox.mails] == [
        f"[Order Desk] A run failed: {name}" for name in names
    ]
    uncertain = Incident.objects.get(subject=known.periodic_task.name)
    assert uncertain.told_opened_at is not None
    assert uncertain.mail_error == UNDER_WAY
