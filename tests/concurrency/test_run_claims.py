"""Claims of runs, on a connection each."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from scheduling import ledger
from scheduling.ledger import Claim
from scheduling.models import Run
from tests.concurrency.connections import PATIENCE, at_once, colleague
from tests.scheduling.runs import make_run
from tests.scheduling.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = "celery@here/7"


def claim_as(run: Run, number: int) -> Claim | None:
    return ledger.claim(run.pk, f"celery@here/{number}")


def test_one_of_ten_claims_at_once_has_the_run() -> None:
    for _ in range(10):
        run = make_run(state="queued")

        claims = at_once(*(partial(claim_as, run, number) for number in range(10)))

        run.refresh_from_db()
        assert [claim for claim in claims if claim] == [Claim(run.pk, 1)]
        assert (run.state, run.attempts) == ("running", 1)
        assert run.worker == f"celery@here/{claims.index(Claim(run.pk, 1))}"


def test_claim_that_waited_for_another_finds_the_run_taken() -> None:
    run = make_run(state="queued")

    with colleague() as start:
        with transaction.atomic():
            Run.objects.select_for_update().get(pk=run.pk)
            waiting = start(claim_as, run, 2)
            until(somebody_waits_for_us)
            Run.objects.filter(pk=run.pk).update(
                state="running",
                attempts=1,
                started_at=timezone.now(),
                lease_until=timezone.now() + ledger.LEASE,
            )

        assert waiting.result(PATIENCE) is None

    run.refresh_from_db()
    assert (run.attempts, run.worker) == (1, "")


def test_one_body_of_a_schedule_is_at_work_under_claims_at_once() -> None:
    interval = IntervalSchedule.objects.create(every=1, period="days")
    task = PeriodicTask.objects.create(name="Nightly", task="any", interval=interval)

    for _ in range(10):
        runs = [make_run(periodic_task=task, state="queued") for _ in range(6)]

        claims = at_once(*(partial(claim_as, run, 1) for run in runs))

        (claim,) = [claim for claim in claims if claim]
        assert Run.objects.filter(state="running").count() == 1
        assert Run.objects.filter(state="pending", attempts=0).count() == 5
        ledger.succeed(claim, None)
        Run.objects.all().delete()


def test_worker_thought_dead_changes_nothing_when_it_meets_its_successor() -> None:
    """The end that it writes waits for the take-back, and then comes too late."""
    run = make_run()
    stale = ledger.claim(run.pk, WORKER)
    assert stale is not None

    with colleague() as start:
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(
                state="pending", lease_until=None, rings=1
            )
            late = start(ledger.succeed, stale, "stale")
            until(somebody_waits_for_us)

        assert late.result(PATIENCE) is False
        successor = ledger.claim(run.pk, "celery@there/8")
        assert successor == Claim(run.pk, 2)
        assert start(ledger.fail, stale, "stale").result(PATIENCE) is False

    run.refresh_from_db()
    assert (run.state, run.worker, run.result) == ("running", "celery@there/8", None)


def test_leases_of_the_others_do_not_wait_for_a_row_that_is_held() -> None:
    held, other = make_run(), make_run()
    for run in (held, other):
        assert ledger.claim(run.pk, WORKER)
    soon = timezone.now() + timedelta(seconds=1)
    Run.objects.update(lease_until=soon)

    with colleague() as start, transaction.atomic():
        Run.objects.select_for_update().get(pk=held.pk)
        extended = start(ledger.extend, [(run.pk, WORKER) for run in (held, other)])

        assert extended.result(PATIENCE) == 1

    held.refresh_from_db()
    other.refresh_from_db()
    assert held.lease_until == soon
    assert other.lease_until is not None
    assert other.lease_until > soon


def test_claim_is_committed_before_the_body_starts() -> None:
    run = make_run()

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        ledger.claim(run.pk, WORKER)

    assert not connection.in_atomic_block
    run.refresh_from_db()
    assert run.state == "pending"
