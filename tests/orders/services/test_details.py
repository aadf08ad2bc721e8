"""Corrections: what an order says, and the lines and money of drafts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from orders.exceptions import InvalidInput, RejectedByDatabase
from orders.models import Order, Payment
from orders.services.cancellation import cancel_orders
from orders.services.details import update_orders
from orders.services.placement import place_orders
from tests.factories import (
    draft_order,
    draft_orders,
    ids,
    line,
    open_order,
    open_orders,
    pay,
    send,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)
BERLIN = {"line1": "Unter den Linden 1", "city": "Berlin", "country": "DE"}


@pytest.mark.parametrize("prepare", [draft_order, open_order])
def test_what_an_order_says_is_corrected(prepare: Any) -> None:
    order = prepare(customer_name="Ada", customer_email="ada@example.org")

    order = update_orders(
        [order],
        customer_email="grace@example.org",
        customer_name="Grace",
        customer_reference="PO 7",
        external_reference="A-1",
        billing_address=BERLIN,
        shipping_address=BERLIN,
        metadata={"gift": True},
        note="asked by phone",
        now=NOW,
    ).one()

    assert order.customer_email == "grace@example.org"
    assert (order.customer_name, order.customer_reference) == ("Grace", "PO 7")
    assert order.billing_address == order.shipping_address == BERLIN
    assert order.metadata == {"gift": True}
    assert order.external_reference == "A-1"


def test_event_names_personal_fields_and_never_their_values() -> None:
    order = open_order(customer_name="Ada", customer_email="ada@example.org")

    order = update_orders(
        [order],
        customer_email="grace@example.org",
        customer_name="Grace",
        customer_reference="PO 7",
        billing_address=BERLIN,
        shipping_address=BERLIN,
        external_reference="A-1",
    ).one()

    event = order.events.get(type="order.updated")
    assert event.data["changes"] == {
        "customer_email": None,
        "customer_name": None,
        "customer_reference": None,
        "billing_address": None,
        "shipping_address": None,
        "external_reference": ["", "A-1"],
    }


def test_field_that_stays_the_same_is_no_change() -> None:
    order = open_order(customer_name="Ada")

    order = update_orders([order], customer_name="Ada", metadata={}).one()

    assert order.events.get(type="order.updated").data["changes"] == {}


def test_lines_of_a_draft_are_replaced_and_summed_anew() -> None:
    order = draft_order(lines=[line(), line()], order_discount=Decimal(2))

    order = update_orders(
        [order],
        lines=[line(sku="CUP", quantity=3, tax_total=Decimal(1))],
        shipping_total=Decimal("4.90"),
    ).one()

    event = order.events.get(type="order.updated")
    assert list(order.lines.values_list("position", "sku")) == [(1, "CUP")]
    assert (order.subtotal, order.discount_total) == (Decimal(30), Decimal(2))
    assert (order.tax_total, order.grand_total) == (Decimal(1), Decimal("33.90"))
    assert order.qty_ordered == 3
    assert event.data["changes"]["grand_total"] == ["18.000", "33.900"]
    assert place_orders([order]).changed == [order.pk]


def test_each_draft_keeps_what_is_not_corrected() -> None:
    first = draft_order(lines=[line(quantity=2)], shipping_total=Decimal(3))
    second = draft_order(lines=[line(quantity=5)], order_tax=Decimal(1))

    outcome = update_orders([first, second], order_discount=Decimal(4))

    assert [order.grand_total for order in outcome.orders] == [Decimal(19), Decimal(47)]
    assert [order.lines.get().quantity for order in outcome.orders] == [2, 5]


def test_money_and_details_are_corrected_together() -> None:
    draft = draft_order()

    order = update_orders([draft], currency="USD", customer_name="Grace").one()

    assert (order.currency, order.customer_name) == ("USD", "Grace")


def test_draft_that_cannot_have_the_money_is_refused_alone() -> None:
    whole, cents = draft_order(), draft_order(lines=[line(unit_price=Decimal("9.5"))])
    last = draft_order()

    outcome = update_orders([whole, cents, last], currency="JPY")

    refusal = outcome.refused[cents.pk]
    cents.refresh_from_db()
    assert outcome.changed == ids([whole, last])
    assert (refusal.code, refusal.status) == ("money", "draft")
    assert "lines[0].unit_price: JPY has 0 decimal places" in str(refusal)
    assert (cents.currency, cents.version, cents.lines.count()) == ("EUR", 1, 1)


def test_discount_beyond_a_draft_s_total_is_refused_alone() -> None:
    cheap, dear = draft_order(), draft_order(lines=[line(quantity=2)])

    outcome = update_orders([cheap, dear], order_discount=Decimal(15))

    assert outcome.changed == [dear.pk]
    assert "grand_total" in str(outcome.refused[cheap.pk])


@pytest.mark.parametrize("status", [Payment.Status.SUCCEEDED, Payment.Status.FAILED])
def test_currency_in_which_payments_stand_is_kept(status: str) -> None:
    paid, free = draft_orders(2)
    pay(paid, status=status)

    outcome = update_orders([paid, free], currency="USD")

    assert outcome.changed == [free.pk]
    assert outcome.refused[paid.pk].code == "payments"
    paid.refresh_from_db()
    assert paid.currency == "EUR"


def test_paid_draft_takes_new_lines_in_its_currency() -> None:
    draft = draft_order()
    pay(draft)

    order = update_orders([draft], lines=[line(quantity=2)], currency="EUR").one()

    assert order.payment_status == "partially_paid"


@pytest.mark.parametrize(
    "money",
    [
        {"lines": [line()]},
        {"currency": "USD"},
        {"order_discount": Decimal(1)},
        {"order_tax": Decimal(1)},
        {"shipping_total": Decimal(1)},
    ],
)
def test_money_of_an_open_order_stands_and_its_neighbours_change(
    money: dict[str, Any],
) -> None:
    order, drafts = open_order(), draft_orders(2)

    outcome = update_orders([drafts[0], order, drafts[1]], **money)

    assert outcome.changed == ids(drafts)
    assert outcome.refused[order.pk].code == "not_draft"
    assert outcome.refused[order.pk].status == "open"


def test_shipping_address_stands_from_the_first_shipment() -> None:
    order = open_order(lines=[line(quantity=2)])
    waiting = open_order()
    send(order, quantities={order.lines.get().pk: 1})

    outcome = update_orders([order, waiting], shipping_address=BERLIN)

    assert outcome.changed == [waiting.pk]
    assert outcome.refused[order.pk].code == "shipped"
    assert update_orders([order], billing_address=BERLIN).changed == [order.pk]


def test_cancelled_order_is_not_corrected() -> None:
    order = cancel_orders([open_order()], reason="staff").one()

    outcome = update_orders([order], customer_name="Grace")

    assert outcome.refused[order.pk].code == "status"


def test_reference_of_another_order_is_refused_by_its_constraint() -> None:
    open_order(channel="shop", external_reference="A-1")
    others = open_orders(3, channel="feed")
    Order.objects.filter(pk=others[1].pk).update(channel="shop")

    outcome = update_orders([others[1]], external_reference="A-1")

    refusal = outcome.refused[others[1].pk]
    assert isinstance(refusal, RejectedByDatabase)
    assert (refusal.code, refusal.status) == ("database", "open")
    assert "orders_order_reference_once" in str(refusal)


def test_one_reference_goes_to_one_order_of_a_set() -> None:
    orders = open_orders(3, channel="shop")

    outcome = update_orders(orders, external_reference="A-1")

    assert len(outcome.changed) == 1
    assert len(outcome.refused) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("customer_email", "nobody"),
        ("customer_name", "\0"),
        ("customer_reference", "x" * 129),
        ("external_reference", "\ud800"),
        ("billing_address", {"planet": "Mars"}),
        ("shipping_address", {"country": "germany"}),
        ("metadata", {"a": float("inf")}),
        ("currency", "XYZ"),
        ("order_discount", Decimal("NaN")),
        ("order_tax", Decimal(10) ** 30),
        ("shipping_total", Decimal("1.2345")),
        ("note", "x" * 4001),
    ],
)
def test_wrong_value_is_named(field: str, value: Any) -> None:
    draft = draft_order()
    corrections: dict[str, Any] = {"customer_name": "Grace", field: value}

    with pytest.raises(InvalidInput) as refused:
        update_orders([draft], **corrections)

    draft.refresh_from_db()
    assert refused.value.field == field
    assert draft.version == 1


def test_wrong_line_is_named_and_the_lines_stand() -> None:
    draft = draft_order(lines=[line(sku="MUG")])

    with pytest.raises(InvalidInput) as refused:
        update_orders([draft], lines=[line(), line(quantity=0)])

    assert refused.value.field == "lines[1].quantity"
    assert draft.lines.get().sku == "MUG"


@pytest.mark.parametrize(
    "corrections", [{}, {"status": "closed"}, {"grand_total": Decimal(0)}]
)
def test_other_fields_are_not_taken(corrections: dict[str, Any]) -> None:
    order = open_order()

    with pytest.raises(InvalidInput, match="give any of customer_email"):
        update_orders([order], **corrections)
