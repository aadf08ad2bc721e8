"""How far a sweep is, for whoever has it run."""

from __future__ import annotations

import pytest

from orders import autoclose
from orders.models import AutoCloseRun
from scheduling.models import Run
from tests.factories import open_orders
from tests.processes import StartCelery
from tests.scheduling.runs import make_run, ring
from tests.scheduling.waiting import until

from .sweeping import ago, started


@pytest.mark.django_db
def test_progress_is_told_after_each_batch_and_at_the_end() -> None:
    open_orders(5, now=ago(days=4))
    told: list[tuple[int, int]] = []

    autoclose.execute(
        started(), batch_size=2, on_progress=lambda *counts: told.append(counts)
    )

    assert told == [(2, 5), (4, 5), (5, 5), (5, 5)]


@pytest.mark.django_db(transaction=True)
def test_run_of_the_clock_shows_progress_and_summary(start_celery: StartCelery) -> None:
    open_orders(3, now=ago(days=4))
    run = make_run("orders.tasks.auto_close_old_orders")
    ring(run)

    start_celery("worker", "--concurrency=1", "--without-mingle")
    until(lambda: Run.objects.filter(pk=run.pk, finished_at__isnull=False).exists())

    run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert (run.progress_done, run.progress_total) == (3, 3)
    assert run.result == AutoCloseRun.objects.get().summary
