"""The task in a real worker, from the message to the last order."""

from __future__ import annotations

import pytest

from orders import autoclose
from orders.models import Actor, AutoCloseRun, ClosePolicy
from orders.tasks import auto_close_old_orders
from tests.factories import open_orders
from tests.processes import StartCelery
from tests.scheduling.waiting import until

from .sweeping import ago, state_of, sweep

pytestmark = pytest.mark.django_db(transaction=True)


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
