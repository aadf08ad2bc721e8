"""Builders of what tests need, made through the services as the doors do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import factory

from orders.models import Order, Payment, StockItem
from orders.services.drafting import LineDraft, OrderDraft, create_orders
from orders.services.fulfillment import create_fulfillment, ship
from orders.services.payments import record_payment
from orders.services.placement import place_orders


class LineDraftFactory(factory.Factory[LineDraft]):
    class Meta:
        model = LineDraft

    sku = factory.Sequence(lambda n: f"SKU-{n}")
    name = "Enamel mug"
    quantity = 1
    unit_price = Decimal(10)


class OrderDraftFactory(factory.Factory[OrderDraft]):
    class Meta:
        model = OrderDraft

    currency = "EUR"
    customer_email = factory.Sequence(lambda n: f"customer{n}@example.org")
    customer_name = "Ada Lovelace"
    lines = factory.LazyFunction(lambda: [LineDraftFactory()])


def line(**fields: Any) -> LineDraft:
    return LineDraftFactory.build(**fields)


def draft(**fields: Any) -> OrderDraft:
    """Return what a draft is made of, unsaved."""
    return OrderDraftFactory.build(**fields)


def stock(sku: str, on_hand: int, **fields: Any) -> StockItem:
    return StockItem.objects.create(sku=sku, on_hand=on_hand, **fields)


def draft_orders(
    count: int, *, now: datetime | None = None, **fields: Any
) -> list[Order]:
    """Return new drafts, all alike; ``now`` is when they were made."""
    return create_orders(OrderDraftFactory.build_batch(count, **fields), now=now)


def draft_order(*, now: datetime | None = None, **fields: Any) -> Order:
    (order,) = draft_orders(1, now=now, **fields)
    return order


def open_orders(
    count: int, *, now: datetime | None = None, **fields: Any
) -> list[Order]:
    """Return placed orders, all alike; ``now`` is when they were placed."""
    outcome = place_orders(draft_orders(count, now=now, **fields), now=now)
    assert not outcome.refused
    return outcome.orders


def open_order(*, now: datetime | None = None, **fields: Any) -> Order:
    (order,) = open_orders(1, now=now, **fields)
    return order


def pay(order: Order, *, now: datetime | None = None, **fields: Any) -> Payment:
    """Record a capture of the whole total, or of ``amount``."""
    fields.setdefault("amount", order.grand_total)
    fields.setdefault("kind", Payment.Kind.CAPTURE)
    return record_payment(order, now=now, **fields)


def send(order: Order, *, now: datetime | None = None, **fields: Any) -> Order:
    """Pack and ship all units, or ``quantities``; return the order as it is now."""
    parcel = create_fulfillment(order, now=now, **fields)
    return ship([parcel], now=now).one()


def completed_order(*, now: datetime | None = None, **fields: Any) -> Order:
    """Return an order that was placed, paid and shipped at one instant."""
    order = open_order(now=now, **fields)
    pay(order, now=now)
    return send(order, now=now)


def types_of(order: Order) -> list[str]:
    """Return the types of an order's events, in their order."""
    return list(order.events.order_by("seq").values_list("type", flat=True))


def ids(orders: Iterable[Order]) -> list[Any]:
    return [order.pk for order in orders]
