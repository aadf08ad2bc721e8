"""Several batches over the same orders, with payers among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from django.db.models import Sum

from orders.models import Order, OrderEvent, OrderLine, StockItem
from orders.services.cancellation import cancel_orders
from orders.services.drafting import create_orders
from orders.services.placement import place_orders
from tests.concurrency.connections import at_once, deadlocks
from tests.factories import draft, ids, line, pay, stock

pytestmark = pytest.mark.django_db(transaction=True)

SKUS = 5
ORDERS = 200
BATCH = 25


@pytest.fixture
def orders() -> list[Order]:
    """Return open orders of two lines each, over few SKUs in every order."""
    for number in range(SKUS):
        stock(f"SKU-{number}", on_hand=ORDERS * 4)
    drafts = [
        draft(
            lines=[
                line(sku=f"SKU-{number % SKUS}"),
                line(sku=f"SKU-{number * 3 % SKUS}", quantity=2),
            ]
        )
        for number in range(ORDERS)
    ]
    return place_orders(create_orders(drafts)).orders


def cancel_in_batches(keys: list[UUID]) -> list[UUID]:
    changed: list[UUID] = []
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        changed += cancel_orders(batch, reason=Order.CancelReason.STAFF).changed
    return changed


def pay_each(orders: list[Order]) -> list[UUID]:
    for order in orders:
        pay(order)
    return []


def shifted(keys: list[UUID], by: int) -> list[UUID]:
    return keys[by:] + keys[:by]


def cancelled_before_paid(order: Order) -> bool:
    seqs = dict(order.events.values_list("type", "seq"))
    cancelled = seqs[OrderEvent.Type.CANCELLED]
    paid = seqs.get(OrderEvent.Type.PAYMENT_SUCCEEDED)
    return paid is None or cancelled < paid


@pytest.mark.parametrize("batches", [2, 4])
def test_batches_over_the_same_orders_cancel_each_once(
    orders: list[Order], batches: int
) -> None:
    keys = ids(orders)
    # Half walk the same way, half start elsewhere: the same orders at once, and
    # others over the same SKUs.
    cancelling: list[Callable[[], list[UUID]]] = [
        partial(cancel_in_batches, shifted(keys, number // 2 * BATCH * 3))
        for number in range(batches)
    ]
    paying = [partial(pay_each, orders[start::20]) for start in (0, 7)]
    deadlocks_before = deadlocks()

    changed = at_once(*cancelling, *paying)

    cancelled = Order.objects.filter(status=Order.Status.CANCELLED)
    events = OrderEvent.objects.filter(type=OrderEvent.Type.CANCELLED)
    told = Counter(pk for keys in changed for pk in keys)
    assert set(told.values()) == {1}
    assert set(told) == set(cancelled.values_list("pk", flat=True))
    assert Counter(events.values_list("order_id", flat=True)) == told
    assert all(cancelled_before_paid(order) for order in cancelled)
    left = Order.objects.exclude(pk__in=cancelled)
    assert {(o.status, o.payment_status) for o in left} <= {("open", "paid")}
    assert stock_reserved() == units_reserved()
    assert not OrderLine.objects.filter(order__in=cancelled, qty_reserved__gt=0)
    assert deadlocks() == deadlocks_before


def stock_reserved() -> dict[str, int]:
    rows = StockItem.objects.filter(reserved__gt=0)
    return dict(rows.values_list("sku", "reserved"))


def units_reserved() -> dict[str, int]:
    lines = OrderLine.objects.filter(qty_reserved__gt=0).order_by("sku")
    return dict(lines.values_list("sku").annotate(Sum("qty_reserved")))
