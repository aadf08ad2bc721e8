"""Sweeps among sweeps, payers and colleagues, each on a connection of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.models import Count, Sum

from orders import autoclose
from orders.autoclose.sweep import Sweep, _sweep
from orders.exceptions import OrderError
from orders.models import (
    Actor,
    AutoCloseRun,
    ClosePolicy,
    Order,
    OrderEvent,
    OrderLine,
    StockItem,
)
from orders.services.cancellation import cancel_orders
from tests.concurrency.connections import PATIENCE, at_once, colleague, deadlocks
from tests.factories import draft_orders, line, open_orders, pay, stock
from tests.orders.autoclose.sweeping import SYSTEM, ago, started, state_of, sweep
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def sweep_without_the_lock() -> Sweep:
    """Close what is due in batches of 10, as if no other sweep could be at work."""
    run = started(approve=True)
    mine = Sweep(run, SYSTEM, lambda: False, time.monotonic() + PATIENCE, 10)
    _sweep(mine)
    return mine


def pay_all(orders: list[Order]) -> None:
    for order in orders:
        pay(order)


def overdue_orders(count: int) -> list[Order]:
    """Place orders that share SKUs, so that sweeps meet on their stock rows."""
    for sku in ("BOWL", "CUP", "MUG"):
        stock(sku, on_hand=10_000)
    orders: list[Order] = []
    for skus in (("MUG", "BOWL"), ("CUP", "MUG"), ("BOWL", "CUP")):
        lines = [line(sku=sku, quantity=2) for sku in skus]
        orders += open_orders(count // 3, now=ago(days=4), lines=lines)
    return orders


@pytest.mark.parametrize("sweeps", [2, 4])
def test_sweeps_and_payers_at_once_close_each_order_at_most_once(sweeps: int) -> None:
    orders = overdue_orders(150)
    payers = [orders[::5], orders[1::5]]
    before = deadlocks()

    at_once(
        *[sweep_without_the_lock] * sweeps, *(partial(pay_all, part) for part in payers)
    )

    cancelled = OrderEvent.objects.filter(type="order.cancelled")
    assert cancelled.count() == Order.objects.filter(status="cancelled").count()
    assert not cancelled.values("order").annotate(n=Count("id")).filter(n__gt=1)
    paid_first = OrderEvent.objects.filter(type="payment.succeeded", seq=3)
    assert not paid_first.filter(order__status="cancelled")
    assert not Order.objects.filter(status="open", captured_total=0)
    assert {item.sku: item.reserved for item in StockItem.objects.all()} == dict(
        OrderLine.objects.values_list("sku").annotate(Sum("qty_reserved"))
    )
    assert OrderLine.objects.filter(order__status="cancelled", qty_reserved=0).exists()
    assert not OrderLine.objects.filter(order__status="cancelled", qty_reserved__gt=0)
    assert deadlocks() == before


def test_payer_who_holds_the_order_is_passed_over_and_keeps_it() -> None:
    order, other = open_orders(2, now=ago(days=4))
    holds, may_commit = threading.Event(), threading.Event()

    def pay_slowly() -> None:
        with transaction.atomic():
            pay(order)
            holds.set()
            assert may_commit.wait(PATIENCE)

    with colleague() as start:
        payer = start(pay_slowly)
        assert holds.wait(PATIENCE)
        summary = sweep()
        may_commit.set()
        payer.result(PATIENCE)

    assert summary["policies"]["unpaid"]["skipped_locked"] == 1
    assert summary["policies"]["unpaid"]["changed"] == 1
    assert state_of(other) == ("cancelled", "payment_overdue")
    assert state_of(order) == ("open", "")
    assert sweep()["policies"]["unpaid"]["candidates"] == 0


GATE = 4_711


@pytest.fixture
def gate_before_events() -> Iterator[None]:
    """Make every writer of an event wait while this connection holds the gate."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION test_gate() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NEW; END';
            CREATE TRIGGER test_gate BEFORE INSERT ON orders_orderevent
                FOR EACH ROW EXECUTE FUNCTION test_gate();
            """
        )
        yield
        cursor.execute("DROP FUNCTION test_gate CASCADE")


def hold_gate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [GATE])


def open_gate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [GATE])


def waiting(count: int) -> Callable[[], bool]:
    """Return whether so many connections wait for a lock."""

    def reached() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            )
            return bool(cursor.fetchone() == (count,))

    return reached


@pytest.mark.usefixtures("gate_before_events")
def test_colleague_who_comes_while_the_sweep_holds_its_batch_is_refused() -> None:
    orders = open_orders(5, now=ago(days=4))
    hold_gate()

    with colleague() as start_sweep, colleague() as start_clerk:
        sweeping = start_sweep(sweep)
        until(waiting(1))
        clerk = start_clerk(cancel_orders, [orders[2]], reason="customer")
        until(waiting(2))
        open_gate()
        summary, outcome = sweeping.result(PATIENCE), clerk.result(PATIENCE)

    assert summary["changed"] == 5
    refusal = outcome.refused[orders[2].pk]
    assert (refusal.code, refusal.status) == ("status", "cancelled")
    assert orders[2].events.filter(type="order.cancelled").count() == 1
    assert state_of(orders[2]) == ("cancelled", "payment_overdue")


@pytest.mark.usefixtures("gate_before_events")
def test_second_sweep_says_that_one_is_running_and_changes_nothing() -> None:
    open_orders(2, now=ago(days=4))
    hold_gate()

    with colleague() as start:
        first = start(sweep)
        until(waiting(1))
        second = sweep()
        open_gate()

    assert (second["state"], second["changed"]) == ("already_running", 0)
    assert first.result(PATIENCE)["changed"] == 2


@pytest.mark.usefixtures("gate_before_events")
def test_approved_run_that_finds_another_at_work_stays_queued() -> None:
    ClosePolicy.objects.filter(kind="unpaid").update(surge_limit=1)
    open_orders(2, now=ago(days=4))
    counted = AutoCloseRun.objects.get(pk=sweep()["run_id"])
    approved = autoclose.approve(counted, by=SYSTEM)
    hold_gate()

    with colleague() as start:
        other = start(sweep, limit=1)
        until(waiting(1))
        given_way = autoclose.execute(approved)
        open_gate()

    assert (given_way["state"], given_way["changed"]) == ("already_running", 0)
    assert other.result(PATIENCE)["changed"] == 1
    approved.refresh_from_db()
    assert (approved.state, approved.summary) == ("queued", {})
    assert autoclose.execute(approved)["changed"] == 1


def test_run_that_two_workers_take_at_once_is_done_once() -> None:
    open_orders(3, now=ago(days=4))
    run = started()

    def execute() -> int:
        mine = type(run).objects.get(pk=run.pk)
        return int(autoclose.execute(mine).get("changed", 0))

    assert sorted(at_once(execute, execute)) == [0, 3]


def test_approval_counts_once_however_often_it_is_clicked() -> None:
    run = started()
    type(run).objects.filter(pk=run.pk).update(state="needs_approval")

    def approve(label: str) -> bool:
        actor = Actor(kind="user", origin="admin", label=label)
        try:
            autoclose.approve(run, by=actor)
        except OrderError:
            return False
        return True

    assert sorted(at_once(*(partial(approve, name) for name in "abcd"))) == [
        False,
        False,
        False,
        True,
    ]
    assert run.followed_by.count() == 1


@pytest.fixture
def poison() -> Iterator[Callable[[list[Order]], None]]:
    """Return a function that makes the database refuse to cancel these orders."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TABLE test_poison (order_id uuid PRIMARY KEY);
            CREATE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN
                IF NEW.status = ''cancelled'' AND EXISTS
                    (SELECT 1 FROM test_poison WHERE order_id = NEW.id)
                THEN
                    RAISE EXCEPTION ''poisoned'' USING ERRCODE = ''check_violation'',
                        CONSTRAINT = ''orders_order_poisoned'';
                END IF;
                RETURN NEW;
            END';
            CREATE TRIGGER test_poison BEFORE UPDATE ON orders_order
                FOR EACH ROW EXECUTE FUNCTION test_poison();
            """
        )
        yield lambda orders: cursor.executemany(
            "INSERT INTO test_poison VALUES (%s)", [(order.pk,) for order in orders]
        )
        cursor.execute("DROP FUNCTION test_poison CASCADE; DROP TABLE test_poison")


def test_one_order_that_the_database_refuses_leaves_999_others_closed(
    poison: Callable[[list[Order]], None],
) -> None:
    stock("MUG", on_hand=1000)
    orders = open_orders(1000, now=ago(days=4), lines=[line(sku="MUG")])
    poison(orders[617:618])

    summary = sweep(approve=True)

    assert (summary["state"], summary["changed"]) == ("completed", 999)
    (error,) = summary["errors"]
    assert error["order"] == str(orders[617].pk)
    assert "orders_order_poisoned" in error["error"]
    assert StockItem.objects.get(sku="MUG").reserved == 1
    assert sweep()["policies"]["unpaid"]["failed"] == 1


def test_policy_stops_after_fifty_failures_and_the_next_goes_on(
    poison: Callable[[list[Order]], None],
) -> None:
    bad = open_orders(60, now=ago(days=5))
    good = open_orders(10, now=ago(days=4))
    abandoned = draft_orders(1, now=ago(days=31))
    poison(bad)
    run = started()

    summary = autoclose.execute(run, batch_size=10)

    assert summary["state"] == "partial"
    assert summary["policies"]["unpaid"]["failed"] == 50
    assert summary["policies"]["unpaid"]["remaining"] == 20
    assert state_of(good[0]) == ("open", "")
    assert state_of(abandoned[0]) == ("cancelled", "draft_abandoned")
    assert autoclose.queue_follow_up(run) is None


def test_database_that_drops_the_connection_ends_the_run_as_partial() -> None:
    open_orders(4, now=ago(days=4))
    run = started()
    stops = iter([False, True])

    def drop_the_connection_after_one_batch() -> bool:
        if next(stops):
            with colleague() as start:
                start(terminate_others).result(PATIENCE)
        return False

    summary = autoclose.execute(
        run, batch_size=2, should_stop=drop_the_connection_after_one_batch
    )

    assert (summary["state"], summary["changed"], summary["remaining"]) == (
        "partial",
        2,
        2,
    )
    run.refresh_from_db()
    assert (run.state, run.stopped_by) == ("partial", "database")
    assert sweep()["changed"] == 2


def terminate_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
