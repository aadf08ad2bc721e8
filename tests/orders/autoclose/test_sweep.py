"""The sweep on a real database: what it closes, what it leaves, what it says."""

from __future__ import annotations

import pytest
from django.utils import timezone

from orders import autoclose
from orders.models import Actor, AutoCloseRun, ClosePolicy, Order, StockItem
from orders.services.holds import hold_orders
from orders.services.payments import record_payment
from orders.services.remarks import set_automation_exempt
from tests.factories import completed_order, draft_order, line, open_order, pay, stock

from .sweeping import ago, started, state_of, sweep

pytestmark = pytest.mark.django_db


def test_sweep_cancels_the_unpaid_and_closes_the_completed() -> None:
    stock("MUG", on_hand=9)
    unpaid = open_order(now=ago(days=4), lines=[line(sku="MUG", quantity=2)])
    young = open_order(now=ago(days=2), lines=[line(sku="MUG", quantity=3)])
    completed = completed_order(now=ago(days=31))
    abandoned = draft_order(now=ago(days=31))

    summary = sweep()

    assert summary["state"] == "completed"
    assert summary["changed"] == 3
    assert state_of(unpaid) == ("cancelled", "payment_overdue")
    assert state_of(young) == ("open", "")
    assert state_of(completed) == ("closed", "auto_completed")
    assert state_of(abandoned) == ("cancelled", "draft_abandoned")
    assert StockItem.objects.get(sku="MUG").reserved == 3
    event = unpaid.events.get(type="order.cancelled")
    assert (event.actor_label, event.run_id) == ("system", summary["run_id"])


def test_second_run_changes_nothing() -> None:
    order = completed_order(now=ago(days=31))
    sweep()

    summary = sweep()

    assert summary["changed"] == 0
    assert order.events.filter(type="order.closed").count() == 1


def test_blocked_orders_are_counted_beside_the_candidates() -> None:
    held, exempt, pending = (open_order(now=ago(days=4)) for _ in range(3))
    hold_orders([held], reason="Address looks wrong")
    set_automation_exempt([exempt], exempt=True)
    record_payment(
        pending, kind="capture", amount=pending.grand_total, status="pending"
    )

    summary = sweep()

    assert summary["policies"]["unpaid"]["candidates"] == 0
    assert summary["policies"]["unpaid"]["blocked"] == {
        "held": 1,
        "exempt": 1,
        "pending_payment": 1,
        "open_return": 0,
    }
    assert {state_of(order) for order in (held, exempt, pending)} == {("open", "")}


def test_surge_waits_for_approval_and_then_closes_what_was_counted() -> None:
    ClosePolicy.objects.filter(kind="completed").update(surge_limit=2)
    for _ in range(3):
        completed_order(now=ago(days=31))
    summary = sweep()
    run = AutoCloseRun.objects.get(pk=summary["run_id"])
    assert (summary["state"], summary["changed"]) == ("needs_approval", 0)

    approved = autoclose.approve(
        run, by=Actor(kind="user", origin="admin", label="ada")
    )
    summary = autoclose.execute(approved)

    assert (summary["state"], summary["changed"]) == ("completed", 3)
    assert Order.objects.filter(status="closed").count() == 3


def test_sweep_out_of_time_leaves_the_rest_to_a_follow_up() -> None:
    for _ in range(3):
        completed_order(now=ago(days=31))
    run = started()
    answers = iter([False, True])

    summary = autoclose.execute(run, should_stop=lambda: next(answers), batch_size=2)
    follow_up = autoclose.queue_follow_up(run)

    assert (summary["state"], summary["changed"], summary["remaining"]) == (
        "partial",
        2,
        1,
    )
    assert follow_up is not None
    assert autoclose.execute(follow_up)["changed"] == 1


def test_auto_close_of_says_what_the_sweep_would_do() -> None:
    order = open_order(now=ago(days=1))
    paid = open_order()
    pay(paid)
    hold_orders([order], reason="Wait")
    order.refresh_from_db()

    plans = autoclose.auto_close_of([order, paid], now=timezone.now())

    assert plans[paid.pk] is None
    assert plans[order.pk] == autoclose.AutoClose(
        policy="unpaid, online",
        action="cancel",
        due_at=order.payment_due_at or ago(),
        blocked_by=("held",),
    )
