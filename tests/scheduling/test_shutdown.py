"""A task hears that its worker has been asked to stop."""

from datetime import UTC, datetime, timedelta

from django.contrib.sessions.models import Session
from django.db import transaction

from scheduling.sessions import BATCH_SIZE
from scheduling.shutdown import stopping
from scheduling.tasks import clean_up_expired_sessions
from tests.processes import StartCelery
from tests.scheduling.waiting import somebody_waits_for_us, until

BATCHES = 5


def test_nothing_stops_outside_a_worker() -> None:
    assert stopping() is False


def test_a_task_ends_with_its_batch_when_the_worker_is_asked_to_stop(
    start_celery: StartCelery,
) -> None:
    expire_sessions(BATCHES * BATCH_SIZE)
    worker = start_celery("worker", "--pool=prefork", "--concurrency=1")

    def has_heard() -> bool:
        return worker.has_said("Warm shutdown")

    with transaction.atomic():
        list(Session.objects.select_for_update().filter(pk="000000"))
        clean_up_expired_sessions.delay()
        until(somebody_waits_for_us, seconds=60)
        worker.ask_to_stop()
        until(has_heard)

    assert worker.exit_code() == 0
    assert 0 < Session.objects.count() <= (BATCHES - 1) * BATCH_SIZE
    assert stopping() is False


def expire_sessions(count: int) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    Session.objects.bulk_create(
        Session(session_key=f"{n:06}", session_data="", expire_date=yesterday)
        for n in range(count)
    )
