"""New orders: totals worked out, and every wrong value named."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.exceptions import DuplicateReference, InvalidInput
from orders.models import Actor, Order, OrderLine, Origin
from orders.services.drafting import create_orders
from tests.factories import draft, draft_order, draft_orders, line

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def test_totals_are_worked_out_from_the_lines() -> None:
    order = draft_order(
        lines=[
            line(
                quantity=3,
                unit_price=Decimal("9.99"),
                discount_total=Decimal("1.50"),
                tax_total=Decimal("2.10"),
            ),
            line(quantity=2, unit_price=Decimal(5), requires_shipping=False),
        ],
        order_discount=Decimal(2),
        order_tax=Decimal("0.40"),
        shipping_total=Decimal("4.90"),
    )

    assert order.subtotal == Decimal("39.97")
    assert order.discount_total == Decimal("3.50")
    assert order.tax_total == Decimal("2.50")
    assert order.grand_total == Decimal("43.87")
    assert order.qty_ordered == 3
    assert list(order.lines.values_list("position", "line_total")) == [
        (1, Decimal("30.57")),
        (2, Decimal(10)),
    ]


def test_draft_starts_its_history() -> None:
    by = Actor(kind=Actor.Kind.API_CLIENT, origin=Origin.API, id="3", label="shop")

    (order,) = create_orders([draft()], by=by, now=NOW)

    event = order.events.get()
    assert (order.status, order.version, order.event_seq) == ("draft", 1, 1)
    assert order.created_at == order.updated_at == event.occurred_at == NOW
    assert (event.type, event.seq, event.actor_label) == ("order.created", 1, "shop")
    assert order.placed_at is None


def test_drafts_come_back_in_their_order() -> None:
    orders = draft_orders(5)

    assert [o.number for o in orders] == sorted(o.number for o in orders)


def test_no_drafts_are_no_orders() -> None:
    assert create_orders([]) == []


def test_statements_do_not_grow_with_the_drafts() -> None:
    few = [draft(lines=[line(), line()]) for _ in range(2)]
    many = [draft(lines=[line(), line()]) for _ in range(50)]

    with CaptureQueriesContext(connection) as for_few:
        create_orders(few)
    with CaptureQueriesContext(connection) as for_many:
        create_orders(many)

    assert len(for_many) == len(for_few)


def test_one_wrong_draft_leaves_none() -> None:
    with pytest.raises(InvalidInput):
        create_orders([draft(), draft(source="fax")])

    assert not Order.objects.exists()
    assert not OrderLine.objects.exists()


def test_reference_that_exists_leaves_none_and_names_its_order() -> None:
    existing = draft_order(channel="shop", external_reference="A-1")

    with pytest.raises(DuplicateReference, match="A-1") as refused:
        create_orders([draft(), draft(channel="shop", external_reference="A-1")])

    assert refused.value.order_id == existing.pk
    assert Order.objects.count() == 1


def test_reference_given_twice_at_once_leaves_none() -> None:
    twice = [draft(channel="shop", external_reference="A-1") for _ in range(2)]

    with pytest.raises(DuplicateReference, match="A-1"):
        create_orders(twice)

    assert not Order.objects.exists()


WEST = timezone(timedelta(hours=-5))
EAST = timezone(timedelta(hours=5))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currency", "EURO"),
        ("currency", "eur"),
        ("currency", ""),
        ("channel", "x" * 65),
        ("channel", "a\0b"),
        ("external_reference", "x" * 129),
        ("source", "fax"),
        ("payment_mode", "barter"),
        ("order_discount", Decimal(-1)),
        ("order_discount", Decimal("0.001")),
        ("order_tax", Decimal("NaN")),
        ("order_tax", Decimal("sNaN")),
        ("shipping_total", Decimal("Infinity")),
        ("shipping_total", Decimal(10) ** 30),
        ("shipping_total", 4.9),
        ("shipping_total", True),
        ("customer_email", "nobody"),
        ("customer_email", "a@" + "x" * 260 + ".org"),
        ("customer_email", "a@example.org\n"),
        ("customer_name", "\ud800"),
        ("customer_name", "x" * 201),
        ("customer_name", None),
        ("customer_reference", "\0"),
        ("billing_address", {"planet": "Mars"}),
        ("billing_address", {"country": "Germany"}),
        ("billing_address", {"city": "x" * 201}),
        ("billing_address", {"city": "a\0b"}),
        ("shipping_address", {"city": 7}),
        ("shipping_address", {"city": "\udfff"}),
        ("shipping_address", ["Berlin"]),
        ("payment_due_at", datetime(2030, 1, 1)),  # noqa: DTZ001 - what is refused
        ("payment_due_at", date(2030, 1, 1)),
        ("payment_due_at", datetime(9999, 12, 31, 23, tzinfo=WEST)),
        ("payment_due_at", datetime(1, 1, 1, 1, tzinfo=EAST)),
        ("tags", ["x" * 65]),
        ("tags", [""]),
        ("tags", ["a\0"]),
        ("tags", [7, "vip"]),
        ("tags", [str(number) for number in range(51)]),
        ("metadata", {"a": float("nan")}),
        ("metadata", {"a": "\0"}),
        ("metadata", {"a\0": 1}),
        ("metadata", {"a": "\ud800"}),
        ("metadata", {"a": "x" * 16 * 1024}),
        ("metadata", {"a": 10**5000}),
        ("metadata", {"a": NOW}),
        ("metadata", []),
    ],
)
def test_wrong_value_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_orders([draft(**{field: value})])

    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sku", ""),
        ("sku", " "),
        ("sku", "x" * 65),
        ("sku", "a\0b"),
        ("name", ""),
        ("name", "x" * 256),
        ("name", "\udc80"),
        ("quantity", 0),
        ("quantity", -1),
        ("quantity", True),
        ("quantity", 1.0),
        ("quantity", 2**31),
        ("unit_price", Decimal("-0.01")),
        ("unit_price", Decimal("1.005")),
        ("unit_price", Decimal("NaN")),
        ("unit_price", 10),
        ("discount_total", Decimal("0.001")),
        ("tax_total", Decimal(10) ** 30),
    ],
)
def test_wrong_value_of_a_line_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_orders([draft(lines=[line(), line(**{field: value})])])

    assert refused.value.field == f"lines[1].{field}"
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"lines": [line(discount_total=Decimal(11))]}, "lines[0].line_total"),
        ({"order_discount": Decimal(11)}, "grand_total"),
        (
            {"lines": [line(quantity=2**31 - 1, unit_price=Decimal(10**11 - 1))]},
            "lines[0].line_total",
        ),
        ({"lines": [line(unit_price=Decimal(10**11 - 1))] * 2}, "subtotal"),
    ],
)
def test_sum_that_no_order_can_have_is_named(
    fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_orders([draft(**fields)])

    assert refused.value.field == named


@pytest.mark.parametrize(
    ("currency", "price"), [("JPY", "1.0"), ("EUR", "0.01"), ("KWD", "0.001")]
)
def test_amount_has_the_places_of_its_currency(currency: str, price: str) -> None:
    order = draft_order(currency=currency, lines=[line(unit_price=Decimal(price))])

    assert order.grand_total == Decimal(price)


@pytest.mark.parametrize(
    ("currency", "price"), [("JPY", "0.5"), ("EUR", "0.005"), ("KWD", "0.0005")]
)
def test_amount_finer_than_its_currency_is_named(currency: str, price: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        draft_order(currency=currency, lines=[line(unit_price=Decimal(price))])

    assert refused.value.field == "lines[0].unit_price"
    assert currency in refused.value.problem


def test_largest_amount_is_taken() -> None:
    largest = Decimal("99999999999.999")

    order = draft_order(currency="KWD", lines=[line(unit_price=largest)])

    assert order.grand_total == largest


def test_backslashes_in_metadata_are_no_nul() -> None:
    order = draft_order(metadata={"path": "C:\\u0000"})

    assert order.metadata == {"path": "C:\\u0000"}


def test_tags_are_sorted_and_each_once() -> None:
    order = draft_order(tags=["vip", "gift", "vip"])

    assert order.tags == ["gift", "vip"]
