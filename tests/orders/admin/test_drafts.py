"""A new order by hand: from the form to a draft, and on to an open order."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from orders.models import Order
from tests.orders.admin.desk import page_of, send, staff, text

pytestmark = pytest.mark.django_db

NEW = "admin:orders_order_add"


def draft(**fields: str) -> dict[str, str]:
    rows = {
        "lines-TOTAL_FORMS": "3",
        "lines-INITIAL_FORMS": "0",
        "customer_name": "Ada Lovelace",
        "currency": "eur",
        "payment_mode": "offline",
        "shipping_total": "4.90",
        "order_discount": "0",
        "order_tax": "0",
        "shipping_address_4": "Turin",
    }
    for row in range(3):
        rows |= {
            f"lines-{row}-sku": "",
            f"lines-{row}-name": "",
            f"lines-{row}-quantity": "1",
            f"lines-{row}-unit_price": "",
            f"lines-{row}-discount_total": "0",
            f"lines-{row}-tax_total": "0",
            f"lines-{row}-requires_shipping": "on",
        }
    first = {
        "lines-0-sku": "MUG",
        "lines-0-name": "Enamel mug",
        "lines-0-quantity": "2",
        "lines-0-unit_price": "9.50",
    }
    return rows | first | fields


def test_a_draft_is_made_with_its_totals_then_placed(admin_client: Client) -> None:
    answer = admin_client.post(reverse(NEW), draft())

    order = Order.objects.get()
    assert answer["Location"] == page_of(order)
    assert (order.status, order.source, order.currency) == ("draft", "admin", "EUR")
    assert order.grand_total == Decimal("23.90")
    assert order.shipping_address == {"city": "Turin"}
    assert order.lines.count() == 1
    assert order.events.get().actor_label == "admin"

    send(admin_client, "place", [order])

    assert Order.objects.get().status == "open"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"currency": "XXX"}, "is not an ISO 4217 code"),
        ({"currency": "JPY"}, "JPY has 0 decimal places"),
        ({"customer_email": "nobody"}, "is not an e-mail address"),
        ({"lines-0-quantity": "0"}, "greater than or equal to 1"),
        ({"lines-0-quantity": "9" * 30}, "less than or equal to"),
        ({"lines-0-unit_price": "1e30"}, "digits"),
        ({"lines-0-unit_price": "9.555"}, "EUR has 2 decimal places"),
        ({"lines-0-discount_total": "99"}, "must be between 0"),
        ({"lines-1-sku": "CUP"}, "This field is required"),
        ({"order_discount": "99"}, "must be between 0"),
        ({"lines-0-sku": "a\0b"}, "Null characters"),
        ({"lines-TOTAL_FORMS": "99999"}, "Please submit at most 200"),
        ({"lines-TOTAL_FORMS": "x"}, "ManagementForm data is missing"),
    ],
)
def test_a_wrong_draft_is_told_and_not_made(
    admin_client: Client, fields: dict[str, str], problem: str
) -> None:
    answer = admin_client.post(reverse(NEW), draft(**fields))

    assert answer.status_code == HTTPStatus.OK
    assert problem in text(answer)
    assert not Order.objects.exists()


def test_a_draft_may_begin_without_lines(admin_client: Client) -> None:
    empty = dict.fromkeys(("lines-0-sku", "lines-0-name", "lines-0-unit_price"), "")

    admin_client.post(reverse(NEW), draft(**empty, **{"lines-0-quantity": "1"}))
    order = Order.objects.get()
    answer = send(admin_client, "place", [order])

    assert "has no lines; add one first" in text(answer)


def test_more_lines_are_given_on_demand(admin_client: Client) -> None:
    answer: Any = admin_client.post(reverse(NEW), draft(more="More lines"))

    assert len(answer.context["lines"].forms) == 6
    assert 'value="MUG"' in text(answer)
    assert not Order.objects.exists()


def test_without_the_right_no_draft_is_made() -> None:
    client = staff("view_order", "override_order", "record_payment")

    shown, sent = client.get(reverse(NEW)), client.post(reverse(NEW), draft())

    assert shown.status_code == sent.status_code == HTTPStatus.FORBIDDEN
    assert not Order.objects.exists()
