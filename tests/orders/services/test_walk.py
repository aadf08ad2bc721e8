"""One order from its draft to its end, through every service on the way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orders.models import Order, StockItem
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.fulfillment import create_fulfillment, deliver, ship
from orders.services.placement import place_orders
from tests.factories import (
    draft_order,
    line,
    open_order,
    pay,
    stock,
    types_of,
)

pytestmark = pytest.mark.django_db


def test_order_goes_from_draft_to_closed() -> None:
    stock("MUG", on_hand=5)
    lines = [
        line(sku="MUG", quantity=2, unit_price=Decimal("9.50")),
        line(sku="MUG", name="Mug, second choice", quantity=1),
    ]
    order = draft_order(lines=lines, shipping_total=Decimal("4.90"))

    order = place_orders([order]).one()
    pay(order)
    parcel = create_fulfillment(order)
    order = ship([parcel]).one()
    order = deliver([parcel]).one()
    order = close_orders([order]).one()

    assert order.grand_total == Decimal("33.90")
    assert order.status == Order.Status.CLOSED
    assert order.payment_status == Order.PaymentStatus.PAID
    assert order.fulfillment_status == Order.FulfillmentStatus.FULFILLED
    assert order.completed_at is not None
    assert (order.version, order.event_seq) == (7, 8)
    assert types_of(order) == [
        "order.created",
        "order.placed",
        "payment.succeeded",
        "order.paid",
        "fulfillment.created",
        "fulfillment.shipped",
        "fulfillment.delivered",
        "order.closed",
    ]
    item = StockItem.objects.get(sku="MUG")
    assert (item.on_hand, item.reserved) == (2, 0)


def test_cancelled_order_gives_back_what_it_reserved() -> None:
    stock("MUG", on_hand=5)
    order = open_order(lines=[line(sku="MUG", quantity=3)])
    assert StockItem.objects.get(sku="MUG").reserved == 3

    order = cancel_orders([order], reason=Order.CancelReason.CUSTOMER).one()

    assert order.status == Order.Status.CANCELLED
    assert StockItem.objects.get(sku="MUG").reserved == 0
    event = order.events.get(type="order.cancelled")
    assert event.data["changes"]["status"] == ["open", "cancelled"]
    assert event.data["reason"] == "customer"
