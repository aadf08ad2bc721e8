"""Closing what is done with, and writing off what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from orders.exceptions import InvalidInput
from orders.models import Order, Payment, StockItem
from orders.services.closing import close_orders
from orders.services.fulfillment import create_fulfillment
from orders.services.holds import hold_orders
from tests.factories import (
    completed_order,
    draft_order,
    ids,
    line,
    open_order,
    pay,
    send,
    stock,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def test_closed_order_says_why_and_when() -> None:
    order = close_orders([completed_order()], reason="auto_completed", now=NOW).one()

    event = order.events.get(type="order.closed")
    assert (order.status, order.close_reason) == ("closed", "auto_completed")
    assert order.closed_at == NOW
    assert event.data["reason"] == "auto_completed"
    assert event.data["changes"]["status"] == ["open", "closed"]


def part_paid() -> Order:
    order = open_order()
    pay(order, amount=Decimal("9.99"))
    return send(order)


def unsent() -> Order:
    order = open_order()
    pay(order)
    return order


def charged_back() -> Order:
    order = completed_order()
    pay(order, kind=Payment.Kind.CHARGEBACK, amount=Decimal("0.01"))
    return order


def pending() -> Order:
    order = completed_order()
    pay(order, kind=Payment.Kind.REFUND, status=Payment.Status.PENDING)
    return order


def in_return() -> Order:
    order = completed_order()
    Order.objects.filter(pk=order.pk).update(returns_open=1)
    return order


def held() -> Order:
    return hold_orders([completed_order()], reason="complaint").one()


OBSTACLES = [
    (draft_order, "status"),
    (part_paid, "unsettled"),
    (charged_back, "unsettled"),
    (unsent, "unfulfilled"),
    (pending, "pending_payment"),
    (in_return, "open_return"),
    (held, "held"),
]


@pytest.mark.parametrize(("prepare", "code"), OBSTACLES)
def test_order_is_refused_and_its_neighbours_are_not(prepare: Any, code: str) -> None:
    refused, neighbours = prepare(), [completed_order(), completed_order()]

    outcome = close_orders([neighbours[0], refused, neighbours[1]])

    assert outcome.changed == ids(neighbours)
    assert outcome.refused[refused.pk].code == code
    assert "close" not in outcome.refused[refused.pk].allowed_actions


def test_refund_does_not_keep_an_order_open() -> None:
    order = completed_order()
    pay(order, kind=Payment.Kind.REFUND)

    assert close_orders([order]).changed == [order.pk]


@pytest.mark.parametrize("prepare", [case[0] for case in OBSTACLES[1:]])
def test_open_order_is_written_off_whatever_it_lacks(prepare: Any) -> None:
    order = close_orders([prepare()], reason="written_off", override=True).one()

    assert (order.status, order.close_reason) == ("closed", "written_off")


def test_written_off_order_gives_back_what_it_had_to_send() -> None:
    stock("MUG", on_hand=5)
    order = open_order(lines=[line(sku="MUG", quantity=3)])
    parcel = create_fulfillment(order, quantities={order.lines.get().pk: 1})

    close_orders([order], reason="written_off", override=True).one()

    parcel.refresh_from_db()
    assert parcel.status == "cancelled"
    item = StockItem.objects.get(sku="MUG")
    assert (item.on_hand, item.reserved) == (5, 0)
    assert order.lines.get().qty_reserved == 0


def test_draft_is_not_written_off() -> None:
    draft = draft_order()

    outcome = close_orders([draft], reason="written_off", override=True)

    assert outcome.refused[draft.pk].code == "status"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"reason": "written_off"}, "reason"),
        ({"reason": "lost"}, "reason"),
        ({"note": "\ud800"}, "note"),
    ],
)
def test_wrong_argument_is_named(arguments: dict[str, Any], field: str) -> None:
    order = completed_order()

    with pytest.raises(InvalidInput) as refused:
        close_orders([order], **arguments)

    order.refresh_from_db()
    assert refused.value.field == field
    assert order.status == "open"
