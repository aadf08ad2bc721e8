"""Cancelling: what stands in the way, and what is given back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orders.exceptions import InvalidInput
from orders.models import Order, Payment, StockItem
from orders.services.cancellation import cancel_orders
from orders.services.fulfillment import create_fulfillment, ship
from orders.services.holds import hold_orders
from tests.factories import (
    draft_order,
    ids,
    line,
    open_order,
    open_orders,
    pay,
    send,
    stock,
)

pytestmark = pytest.mark.django_db

Kind = Payment.Kind


def test_cancelled_order_says_why_and_when() -> None:
    order = open_order()

    order = cancel_orders([order], reason="inventory", note="broken").one()

    event = order.events.get(type="order.cancelled")
    assert (order.status, order.cancel_reason) == ("cancelled", "inventory")
    assert order.cancelled_at == event.occurred_at
    assert event.note == "broken"
    assert event.data["reason"] == "inventory"
    assert event.data["changes"]["cancel_reason"] == ["", "inventory"]


def test_units_go_back_from_each_line_and_no_other_order() -> None:
    stock("MUG", on_hand=9)
    lines = [line(sku="MUG", quantity=2), line(sku="MUG"), line(sku="UNTRACKED")]
    cancelled, other = open_orders(2, lines=lines)

    order = cancel_orders([cancelled], reason="staff").one()

    assert StockItem.objects.get(sku="MUG").reserved == 3
    assert set(order.lines.values_list("qty_reserved", flat=True)) == {0}
    assert set(order.lines.values_list("qty_cancelled", flat=True)) == {0}
    assert other.lines.get(position=1).qty_reserved == 2


def test_draft_is_cancelled_without_having_been_placed() -> None:
    order = cancel_orders([draft_order()], reason="draft_abandoned").one()

    assert (order.status, order.placed_at) == ("cancelled", None)


def test_parcel_that_was_packed_is_cancelled_with_its_order() -> None:
    order = open_order()
    parcel = create_fulfillment(order)

    cancel_orders([order], reason="customer")

    parcel.refresh_from_db()
    assert parcel.status == "cancelled"
    assert parcel.cancelled_at is not None


def test_held_order_may_be_cancelled() -> None:
    order = open_order()
    hold_orders([order], reason="fraud?")

    assert cancel_orders([order], reason="fraud").changed == [order.pk]


def shipped() -> Order:
    return send(open_order())


def captured() -> Order:
    order = open_order()
    pay(order, amount=Decimal("0.01"))
    return order


def pending() -> Order:
    order = open_order()
    pay(order, status=Payment.Status.PENDING)
    return order


def cancelled() -> Order:
    return cancel_orders([open_order()], reason="staff").one()


@pytest.mark.parametrize(
    ("prepare", "code", "allowed"),
    [
        (shipped, "shipped", ("hold", "extend", "update")),
        (captured, "captured", ("hold", "extend", "update", "fulfill")),
        (pending, "pending_payment", ("hold", "extend", "update", "fulfill")),
        (cancelled, "status", ()),
    ],
)
def test_order_is_refused_and_its_neighbours_are_not(
    prepare: Any, code: str, allowed: tuple[str, ...]
) -> None:
    refused = prepare()
    neighbours = open_orders(2)

    outcome = cancel_orders([neighbours[0], refused, neighbours[1]], reason="staff")

    refusal = outcome.refused[refused.pk]
    assert outcome.changed == ids(neighbours)
    assert (refusal.code, refusal.allowed_actions) == (code, allowed)
    assert f"Order {refused} " in str(refusal)


def test_right_to_override_cancels_what_was_paid() -> None:
    order = captured()

    order = cancel_orders([order], reason="customer", override=True).one()

    assert order.status == "cancelled"
    assert order.captured_total == Decimal("0.01")


@pytest.mark.parametrize("prepare", [shipped, pending])
def test_right_to_override_goes_no_further(prepare: Any) -> None:
    order = prepare()

    assert cancel_orders([order], reason="staff", override=True).refused


@pytest.mark.parametrize("back", [Kind.REFUND, Kind.CHARGEBACK])
def test_order_whose_money_went_back_is_cancelled(back: str) -> None:
    order = open_order()
    pay(order)
    pay(order, kind=back)

    assert cancel_orders([order], reason="customer").changed == [order.pk]


def test_order_part_of_whose_money_went_back_is_refused() -> None:
    order = open_order()
    pay(order)
    pay(order, kind=Kind.REFUND, amount=Decimal("9.99"))

    assert (
        cancel_orders([order], reason="customer").refused[order.pk].code == "captured"
    )


def test_units_still_to_send_are_given_back_after_a_return() -> None:
    stock("MUG", on_hand=5)
    order = open_order(lines=[line(sku="MUG", quantity=3)])
    parcel = create_fulfillment(order, quantities={order.lines.get().pk: 1})
    ship([parcel])
    order.lines.update(qty_returned=1)
    Order.objects.filter(pk=order.pk).update(qty_returned=1)

    cancel_orders([order], reason="customer").one()

    item = StockItem.objects.get(sku="MUG")
    assert (item.on_hand, item.reserved) == (4, 0)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"reason": "boredom"}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "staff", "note": "x" * 4001}, "note"),
        ({"reason": "staff", "note": "\0"}, "note"),
    ],
)
def test_wrong_argument_is_named(arguments: dict[str, Any], field: str) -> None:
    order = open_order()

    with pytest.raises(InvalidInput) as refused:
        cancel_orders([order], **arguments)

    order.refresh_from_db()
    assert refused.value.field == field
    assert order.status == "open"


def test_note_may_hold_any_text() -> None:
    note = "100 % {sure} %s 'quoted' \\ “ä” 🦆"

    order = cancel_orders([open_order()], reason="staff", note=note).one()

    assert order.events.get(type="order.cancelled").note == note
