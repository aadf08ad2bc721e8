"""The task in a real worker, from the message to the last order."""

from __future__ import annotations

import pytest
from django.db import transaction

from orders import autoclose
from orders.autoclose.sweep import BATCH_SIZE
from orders.models import Actor, AutoCloseRun, ClosePolicy, Order, StockItem
from orders.tasks import auto_close_old_orders
from tests.factories import line, open_orders, stock
from tests.processes import StartCelery
from tests.scheduling.waiting import somebody_waits_for_us, until

from .sweeping import ago, state_of, sweep

pytestmark = pytest.mark.django_db(transaction=True)


def test_sweep_asked_to_stop_ends_its_batch_and_another_worker_does_the_rest(
    start_celery: StartCelery,
) -> None:
    count = BATCH_SIZE + 500
    stock("MUG", on_hand=count)
    open_orders(count, now=ago(days=4), lines=[line(sku="MUG")])
    worker = start_celery("worker", "--concurrency=1", "--hostname=first@%h")
    with transaction.atomic():
        StockItem.objects.select_for_update().get(sku="MUG")
        auto_close_old_orders.delay(approve=True)
        until(somebody_waits_for_us, seconds=60)

        worker.ask_to_stop()

        until(lambda: worker.has_said("Warm shutdown"), seconds=60)

    assert worker.exit_code() == 0
    run = AutoCloseRun.objects.get(trigger="schedule")
    assert (run.state, run.stopped_by) == ("partial", "shutdown")
    assert run.summary["changed"] == BATCH_SIZE
    assert run.summary["remaining"] == 500
    follow_up = AutoCloseRun.objects.get(trigger="follow_up")
    assert (follow_up.state, follow_up.cutoff) == ("queued", run.cutoff)

    start_celery("worker", "--concurrency=1", "--hostname=second@%h")

    until(lambda: not Order.objects.filter(status="open").exists(), seconds=60)
    assert StockItem.objects.get(sku="MUG").reserved == 0


def test_message_delivered_ten_times_closes_each_order_once(
    start_celery: StartCelery,
) -> None:
    orders = open_orders(20, now=ago(days=4))

    for _ in range(10):
        auto_close_old_orders.delay()
    start_celery("worker", "--concurrency=2")

    def all_are_done() -> bool:
        finished = AutoCloseRun.objects.filter(finished_at__isnull=False)
        return finished.count() == 10

    until(all_are_done, seconds=60)
    assert not Order.objects.exclude(status="cancelled").exists()
    assert {
        order.events.filter(type="order.cancelled").count() for order in orders
    } == {1}


def test_approved_run_whose_message_was_lost_is_done_after_the_next(
    start_celery: StartCelery,
) -> None:
    ClosePolicy.objects.filter(kind="unpaid").update(surge_limit=0)
    (order,) = open_orders(1, now=ago(days=4))
    waiting = AutoCloseRun.objects.get(pk=sweep()["run_id"])
    autoclose.approve(waiting, by=Actor(kind="user", origin="admin", label="ada"))

    auto_close_old_orders.delay()
    start_celery("worker", "--concurrency=1")

    until(lambda: state_of(order) == ("cancelled", "payment_overdue"), seconds=60)
    assert order.events.get(type="order.cancelled").origin == "admin"
