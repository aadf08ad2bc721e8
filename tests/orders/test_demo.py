"""The demo orders: every state is among them, and everything adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from orders.demo import is_empty, seed_demo
from orders.demo.planning import Plan, plan_orders
from orders.demo.scenarios import SCENARIOS
from orders.demo.seeding import DemoRefused
from orders.exceptions import InvalidInput
from orders.models import (
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    StockItem,
)
from orders.money import is_exact
from orders.services.totals import line_checks
from tests.concurrency.connections import at_once
from tests.factories import draft_order, stock
from tests.orders.autoclose.sweeping import sweep

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
#: They come with returns.
OF_RETURNS = {"partially_returned", "returned"}
TABLES = (Order, OrderLine, Payment, Fulfillment, FulfillmentLine, OrderEvent)


def values_of(column: str) -> set[str]:
    return set(Order.objects.order_by().values_list(column, flat=True).distinct())


@pytest.mark.django_db
def test_every_state_is_there_and_everything_adds_up(
    subtests: pytest.Subtests,
) -> None:
    before = timezone.now()

    seed_demo(count=100)

    for check in CHECKS:
        with subtests.test(check.__name__):
            check()
    assert Order.objects.filter(placed_at__gte=before - timedelta(days=2)).exists()
    assert Order.objects.filter(placed_at__lt=before - timedelta(days=40)).exists()


def every_state() -> None:
    assert values_of("status") == set(Order.Status.values)
    assert values_of("payment_status") == set(Order.PaymentStatus.values)
    assert values_of("fulfillment_status") == (
        set(Order.FulfillmentStatus.values) - OF_RETURNS
    )
    assert set(Payment.objects.values_list("status", flat=True)) == {
        "pending",
        "succeeded",
        "failed",
    }
    assert set(Fulfillment.objects.values_list("status", flat=True)) == {
        "pending",
        "shipped",
        "delivered",
        "cancelled",
    }


def every_way_of_ordering() -> None:
    assert values_of("currency") == {"EUR", "USD", "GBP", "JPY", "KWD"}
    assert values_of("source") == set(Order.Source.values)
    assert values_of("payment_mode") == set(Order.PaymentMode.values)
    assert values_of("channel") == {"", "webshop", "marketplace", "wholesale", "pos"}


def stock_adds_up() -> None:
    reserved = Counter[str]()
    for sku, units in OrderLine.objects.values_list("sku", "qty_reserved"):
        reserved[sku] += units
    items = {item.sku: item for item in StockItem.objects.all()}

    assert {sku: item.reserved for sku, item in items.items()} == {
        sku: reserved[sku] for sku in items
    }
    assert sum(reserved.values()) == sum(item.reserved for item in items.values()) > 0
    assert {sku for sku, item in items.items() if item.available < 0} == {
        sku for sku, item in items.items() if item.allow_backorder
    }
    assert 0 in {item.on_hand for item in items.values()}


def money_adds_up() -> None:
    orders = list(Order.objects.annotate(of_lines=Sum("lines__line_total")))
    assert all(agree for _, agree in line_checks([o.pk for o in orders]).values())
    for order in orders:
        ledger: Counter[str] = Counter()
        for kind, amount in order.payments.filter(status="succeeded").values_list(
            "kind", "amount"
        ):
            ledger[kind] += amount
        assert order.captured_total == ledger["capture"]
        assert order.refunded_total == ledger["refund"]
        assert order.of_lines + order.shipping_total + order.order_tax == (
            order.grand_total
        )
        assert is_exact(order.grand_total, order.currency)


def time_runs_forward() -> None:
    last: dict[Any, datetime] = {}
    for pk, seq, at in OrderEvent.objects.order_by("order", "seq").values_list(
        "order", "seq", "occurred_at"
    ):
        assert at >= last.get(pk, at), (pk, seq)
        last[pk] = at
    assert max(last.values()) <= timezone.now()
    # As time went by: the newest order has the highest number.
    started = list(
        Order.objects.order_by("number").values_list("created_at", flat=True)
    )
    assert started == sorted(started)
    ids = OrderEvent.objects.order_by("id").values_list("occurred_at", flat=True)
    assert list(ids) == sorted(ids)


def nobody_is_meant() -> None:
    for email in filter(None, values_of("customer_email")):
        validate_email(email)
        assert email.endswith(("@example.org", ".example.com"))


def nothing_of_a_closed_order_is_open() -> None:
    ended = Order.objects.exclude(status="open")
    assert not ended.filter(lines__qty_reserved__gt=0).exists()
    assert not ended.filter(fulfillments__status="pending").exists()
    assert not ended.filter(payments_pending__gt=0).exists()


CHECKS: tuple[Callable[[], None], ...] = (
    every_state,
    every_way_of_ordering,
    stock_adds_up,
    money_adds_up,
    time_runs_forward,
    nobody_is_meant,
    nothing_of_a_closed_order_is_open,
)


@pytest.mark.django_db
def test_the_sweep_has_something_to_say_of_each_policy() -> None:
    seed_demo(count=len(SCENARIOS))

    summary = sweep(dry_run=True)

    policies = summary["policies"]
    assert all(policy["candidates"] > 0 for policy in policies.values())
    for block in ("held", "exempt", "pending_payment"):
        assert policies["unpaid"]["blocked"][block] > 0
        assert policies["completed"]["blocked"][block] > 0
    assert policies["draft"]["blocked"]["exempt"] > 0
    assert summary["state"] == "completed"
    by_policy = Order.objects.filter(payment_due_at__isnull=False, status="open")
    assert by_policy.filter(payment_due_at__gt=timezone.now()).exists()


def told(**arguments: Any) -> list[Any]:
    """Return all that a run makes but ids and numbers, and take it back."""
    before = transaction.savepoint()
    seed_demo(**arguments)
    rows = [_rows(model) for model in TABLES]
    shelves = list(StockItem.objects.values("sku", "on_hand", "reserved"))
    transaction.savepoint_rollback(before)
    return [*rows, shelves]


def _rows(model: Any) -> list[dict[str, Any]]:
    own = [
        field.name
        for field in model._meta.concrete_fields
        if not field.is_relation and field.name not in {"id", "number", "data"}
    ]
    return sorted(model._default_manager.values(*own), key=repr)


@pytest.mark.django_db
def test_a_seed_gives_the_same_orders_again_and_another_gives_others() -> None:
    first = told(count=40, seed=7, now=NOW)
    orders, lines, *_ = first

    assert told(count=40, seed=7, now=NOW) == first
    assert (len(orders), len(lines)) == (40, len(first[1]))
    assert told(count=40, seed=8, now=NOW)[0] != orders


def plans(now: datetime) -> list[Plan]:
    return plan_orders(Random(1), 1_000, now=now)  # noqa: S311 - lots


def test_the_next_day_the_same_orders_are_a_day_younger() -> None:
    day = timedelta(days=1)

    today, tomorrow = plans(NOW), plans(NOW + day)

    assert [plan.starts_at + day for plan in today] == [
        plan.starts_at for plan in tomorrow
    ]
    assert [plan.token for plan in today] == [plan.token for plan in tomorrow]


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 7, 14, 12, 5, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_at_any_time_of_day_all_happens_in_turn_and_by_now(now: datetime) -> None:
    for plan in plans(now):
        times = [plan.starts_at, *(at for at, _ in plan.actions)]
        assert all(before < after for before, after in pairwise(times)), plan
        assert now - timedelta(days=61) < times[0]
        assert times[-1] <= now


@pytest.mark.django_db
def test_a_single_order_can_be_had() -> None:
    seed_demo(count=1)

    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_a_desk_with_an_order_is_left_alone() -> None:
    draft_order()

    with pytest.raises(DemoRefused, match="There are orders or stock here"):
        seed_demo()

    assert Order.objects.count() == 1
    assert not StockItem.objects.exists()


@pytest.mark.django_db
def test_a_desk_with_stock_of_its_own_is_left_alone() -> None:
    stock("MUG-ENA-WHT", 3)

    with pytest.raises(DemoRefused):
        seed_demo()

    assert not Order.objects.exists()
    assert StockItem.objects.get().on_hand == 3


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, -1, 5_001])
def test_a_count_out_of_bounds_is_refused(count: int) -> None:
    with pytest.raises(InvalidInput, match="between 1 and 5,000"):
        seed_demo(count=count)

    assert is_empty()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_makes_orders_and_the_other_none() -> None:
    def attempt() -> str:
        try:
            seed_demo(count=20)
        except DemoRefused:
            return "refused"
        return "made"

    assert sorted(at_once(attempt, attempt)) == ["made", "refused"]
    assert Order.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_what_goes_wrong_in_the_middle_leaves_nothing() -> None:
    with connection.cursor() as cursor:
        # No scenario that ships an order can succeed.
        cursor.execute(
            "ALTER TABLE orders_order ADD CONSTRAINT none_ships"
            " CHECK (qty_fulfilled = 0)"
        )
    try:
        with pytest.raises(Exception, match="none_ships"):
            seed_demo(count=20)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE orders_order DROP CONSTRAINT none_ships")

    assert is_empty()
