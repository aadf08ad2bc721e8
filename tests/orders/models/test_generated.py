"""The two columns that PostgreSQL works out from the others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orders.models import Order
from orders.services.fulfillment import create_fulfillment, ship
from orders.services.placement import place_orders
from tests.factories import draft_order, line, open_order, pay

pytestmark = pytest.mark.django_db


def with_columns(**columns: object) -> Order:
    order = open_order()
    Order.objects.filter(pk=order.pk).update(**columns)
    order.refresh_from_db()
    return order


@pytest.mark.parametrize(
    ("expected", "grand", "captured", "refunded", "authorized"),
    [
        ("not_required", 0, 0, 0, 0),
        ("not_required", 0, 0, 0, 5),
        ("overpaid", 0, 5, 0, 0),
        ("refunded", 0, 5, 5, 0),
        ("authorized", 10, 0, 0, 10),
        ("authorized", 10, 0, 0, "0.001"),
        ("unpaid", 10, 0, 0, 0),
        ("refunded", 10, 10, 10, 0),
        ("refunded", 10, 4, 4, 0),
        ("overpaid", 10, "10.001", 0, 0),
        ("overpaid", 10, 15, 4, 0),
        ("partially_refunded", 10, 15, 5, 0),
        ("partially_refunded", 10, 10, 1, 0),
        ("partially_refunded", 10, 4, 1, 0),
        ("partially_paid", 10, "9.999", 0, 0),
        ("partially_paid", 10, 4, 0, 6),
        ("paid", 10, 10, 0, 0),
    ],
)
def test_payment_status(
    expected: str, grand: Any, captured: Any, refunded: Any, authorized: Any
) -> None:
    order = with_columns(
        subtotal=grand,
        grand_total=grand,
        captured_total=captured,
        refunded_total=refunded,
        authorized_total=authorized,
    )

    assert order.payment_status == expected


def test_refund_reported_before_its_capture_leaves_the_order_unpaid() -> None:
    order = with_columns(refunded_total=5, attention=["over_refunded"])

    assert order.payment_status == Order.PaymentStatus.UNPAID


def test_more_refunded_than_captured_is_refunded() -> None:
    order = with_columns(
        captured_total=5, refunded_total=6, attention=["over_refunded"]
    )

    assert order.payment_status == Order.PaymentStatus.REFUNDED


@pytest.mark.parametrize(
    ("expected", "ordered", "fulfilled", "returned", "cancelled"),
    [
        ("not_required", 0, 0, 0, 0),
        ("not_required", 3, 0, 0, 3),
        ("unfulfilled", 3, 0, 0, 0),
        ("unfulfilled", 3, 0, 0, 2),
        ("partial", 3, 1, 0, 0),
        ("partial", 3, 1, 1, 1),
        ("returned", 3, 3, 3, 0),
        ("returned", 3, 2, 2, 1),
        ("partially_returned", 3, 3, 1, 0),
        ("fulfilled", 3, 3, 0, 0),
        ("fulfilled", 3, 2, 0, 1),
    ],
)
def test_fulfillment_status(
    expected: str, ordered: int, fulfilled: int, returned: int, cancelled: int
) -> None:
    order = with_columns(
        qty_ordered=ordered,
        qty_fulfilled=fulfilled,
        qty_returned=returned,
        qty_cancelled=cancelled,
    )

    assert order.fulfillment_status == expected


@pytest.mark.parametrize(
    ("currency", "price", "short"),
    [("JPY", "1200", "1199"), ("EUR", "12.34", "12.33"), ("KWD", "1.234", "1.233")],
)
def test_paid_is_exact_to_the_last_place_of_the_currency(
    currency: str, price: str, short: str
) -> None:
    lines = [line(unit_price=Decimal(price))]
    paid = open_order(currency=currency, lines=lines)
    unpaid = open_order(currency=currency, lines=lines)

    pay(paid, amount=Decimal(price))
    pay(unpaid, amount=Decimal(short))

    paid.refresh_from_db()
    unpaid.refresh_from_db()
    assert paid.payment_status == Order.PaymentStatus.PAID
    assert unpaid.payment_status == Order.PaymentStatus.PARTIALLY_PAID


def test_free_order_without_shipping_needs_neither_and_is_complete() -> None:
    draft = draft_order(lines=[line(unit_price=Decimal(0), requires_shipping=False)])

    order = place_orders([draft]).one()

    assert order.payment_status == Order.PaymentStatus.NOT_REQUIRED
    assert order.fulfillment_status == Order.FulfillmentStatus.NOT_REQUIRED
    assert order.completed_at == order.placed_at


def test_free_order_is_complete_when_it_is_sent() -> None:
    order = open_order(lines=[line(unit_price=Decimal(0))])
    assert order.completed_at is None

    order = ship([create_fulfillment(order)]).one()

    assert order.payment_status == Order.PaymentStatus.NOT_REQUIRED
    assert order.completed_at is not None


def test_numbers_count_up_from_100001() -> None:
    first, second = draft_order(), draft_order()

    assert 100_001 <= first.number < second.number
    assert str(second) == f"#{second.number}"
