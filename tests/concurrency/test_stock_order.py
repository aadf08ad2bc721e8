"""Stock is locked in SKU order, so that batches over the same SKUs never deadlock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from orders.models import Order, StockItem
from orders.services.cancellation import cancel_orders
from orders.services.fulfillment import create_fulfillment, ship
from orders.services.placement import place_orders
from tests.concurrency.connections import PATIENCE, colleague
from tests.factories import draft_order, line, open_order, stock
from tests.scheduling.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)

LINES = [line(sku="ZEBRA"), line(sku="APPLE")]


def placing() -> Callable[[], Any]:
    order = draft_order(lines=LINES)
    return lambda: place_orders([order])


def cancelling() -> Callable[[], Any]:
    order = open_order(lines=LINES)
    return lambda: cancel_orders([order], reason=Order.CancelReason.STAFF)


def shipping() -> Callable[[], Any]:
    parcel = create_fulfillment(open_order(lines=LINES))
    return lambda: ship([parcel])


@pytest.mark.parametrize("prepare", [placing, cancelling, shipping])
def test_stock_is_locked_in_sku_order(
    prepare: Callable[[], Callable[[], Any]],
) -> None:
    stock("ZEBRA", on_hand=5)
    stock("APPLE", on_hand=5)
    work = prepare()
    # Written last, its row lies behind the other's in the table.
    StockItem.objects.filter(sku="APPLE").update(on_hand=F("on_hand") + 1)

    with colleague() as start:
        with transaction.atomic():
            StockItem.objects.select_for_update().get(sku="APPLE")
            working = start(work)
            until(somebody_waits_for_us)
            free = StockItem.objects.select_for_update(skip_locked=True)
            left = list(free.values_list("sku", flat=True))
        outcome = working.result(PATIENCE)

    assert left == ["APPLE", "ZEBRA"]
    assert len(outcome.changed) == 1


def test_units_that_a_colleague_reserved_while_we_waited_are_kept() -> None:
    stock("MUG", on_hand=9)
    order = open_order(lines=[line(sku="MUG", quantity=2)])

    with colleague() as start:
        with transaction.atomic():
            StockItem.objects.filter(sku="MUG").update(reserved=F("reserved") + 5)
            working = start(cancel_orders, [order], reason="staff")
            until(somebody_waits_for_us)
        outcome = working.result(PATIENCE)

    assert outcome.changed == [order.pk]
    assert StockItem.objects.get(sku="MUG").reserved == 5
