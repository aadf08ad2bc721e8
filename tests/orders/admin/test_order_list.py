"""The list of orders: what it finds, how many queries it takes, what it refuses."""

from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from orders.models import Order
from orders.services.cancellation import cancel_orders
from orders.services.holds import hold_orders
from tests.factories import draft_order, line, open_order, open_orders, pay
from tests.orders.admin.desk import LIST, staff, text

pytestmark = pytest.mark.django_db


def numbers_in(client: Client, **query: str) -> set[int]:
    listed = client.get(reverse(LIST), query)
    assert listed.status_code == HTTPStatus.OK
    return {order.number for order in listed.context["cl"].result_list}


def test_it_opens_on_open_orders(admin_client: Client) -> None:
    shown, hidden = open_order(), draft_order()

    assert numbers_in(admin_client) == {shown.number}
    assert numbers_in(admin_client, status="all") == {shown.number, hidden.number}
    assert numbers_in(admin_client, status="draft") == {hidden.number}


def test_a_row_tells_total_states_and_tags(admin_client: Client) -> None:
    order = open_order(
        currency="JPY", lines=[line(unit_price=Decimal(1500))], tags=["gift"]
    )
    hold_orders([order], reason="Call first")

    row = text(admin_client.get(reverse(LIST)))

    assert f"#{order.number}" in row
    assert "1,500 JPY" in row
    assert "Unpaid" in row
    assert "Unfulfilled" in row
    assert "Held" in row
    assert "gift" in row


@pytest.mark.parametrize(
    "words",
    [
        "ADA@example.org",
        "lovelace ada",
        "Analytical",
        "po-77",
        "mug-1",
        "{number}",
        "#{number}",
    ],
)
def test_search_finds_an_order_by(admin_client: Client, words: str) -> None:
    order = draft_order(
        customer_email="ada@example.org",
        customer_name="Ada Lovelace",
        customer_reference="PO-77",
        external_reference="analytical-9",
        lines=[line(sku="MUG-1")],
    )
    draft_order(customer_name="Grace Hopper", customer_email="grace@example.org")

    assert numbers_in(admin_client, q=words.format(number=order.number)) == {
        order.number
    }


def test_search_looks_beyond_open_orders(admin_client: Client) -> None:
    order = open_order(customer_name="Ada Lovelace")
    cancel_orders([order], reason="customer")

    assert numbers_in(admin_client, q="lovelace") == {order.number}
    assert numbers_in(admin_client, q="lovelace", status="open") == set()


def test_an_order_with_a_sku_on_two_lines_is_found_once(admin_client: Client) -> None:
    order = open_order(lines=[line(sku="MUG"), line(sku="MUG", name="Second choice")])

    listed = admin_client.get(reverse(LIST), {"q": "MUG"})

    assert [row.pk for row in listed.context["cl"].result_list] == [order.pk]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"payment_status": "paid"}, "paid"),
        ({"payment_status": "unpaid", "hold": "no"}, "plain"),
        ({"hold": "yes"}, "held"),
        ({"source": "pos"}, "pos"),
        ({"due": "never"}, "pos"),
        ({"exempt": "yes"}, "exempt"),
        ({"payment_mode": "offline"}, "exempt"),
        ({"attention": "any"}, "attention"),
        ({"attention": "chargeback"}, "attention"),
    ],
)
def test_filters_find(admin_client: Client, query: dict[str, str], found: str) -> None:
    orders = {
        "plain": open_order(),
        "paid": open_order(),
        "held": open_order(),
        "pos": open_order(source="pos", payment_mode="on_delivery"),
        "exempt": open_order(automation_exempt=True, payment_mode="offline"),
        "attention": open_order(),
    }
    for name in ("paid", "pos", "exempt", "attention"):
        pay(orders[name])
    hold_orders([orders["held"]], reason="Call first")
    Order.objects.filter(pk=orders["attention"].pk).update(attention=["chargeback"])
    if found == "paid":
        query = query | {"exempt": "no", "due": "month", "attention": ""}

    assert orders[found].number in numbers_in(admin_client, **query)
    others = {order.number for name, order in orders.items() if name != found}
    assert others - numbers_in(admin_client, **query)


def test_orders_open_for_over_45_days_are_stale(admin_client: Client) -> None:
    now = timezone.now()
    older = open_order(now=now - timedelta(days=45, seconds=1))
    open_order(now=now - timedelta(days=44, hours=23))

    assert numbers_in(admin_client, age="stale") == {older.number}


def test_the_number_of_queries_does_not_grow_with_the_page(
    admin_client: Client,
) -> None:
    open_order()
    with CaptureQueriesContext(
        connection,
    ) as for_one:
        admin_client.get(reverse(LIST))
    open_orders(40, tags=["gift"])

    with CaptureQueriesContext(connection) as for_many:
        admin_client.get(reverse(LIST))

    assert len(for_many) == len(for_one) == 4
    assert not any("DISTINCT" in query["sql"] for query in for_many)


def test_an_empty_list_says_what_to_do(admin_client: Client) -> None:
    listed = admin_client.get(reverse(LIST))

    assert "No orders match" in text(listed)


@pytest.mark.parametrize(
    "query",
    [
        {"q": "\0"},
        {"q": "9" * 400},
        {"q": "#" + "9" * 19},
        {"q": "²"},
        {"q": "%_\\'"},
        {"status": "\0"},
        {"status": "nonsense"},
        {"payment_status": "9" * 400},
        {"attention": "\0"},
        {"p": "9" * 40},
        {"p": "\0"},
        {"o": "9" * 40},
        {"o": "x.-.y"},
        {"all": "1"},
    ],
)
def test_nonsense_in_the_address_is_no_error(
    admin_client: Client, query: dict[str, str]
) -> None:
    open_order()

    answer = admin_client.get(reverse(LIST), query)

    assert answer.status_code in (HTTPStatus.OK, HTTPStatus.FOUND)


@pytest.mark.parametrize("column", ["customer_email", "number", "lines__sku"])
def test_columns_cannot_be_filtered_past_the_filters(
    admin_client: Client, column: str
) -> None:
    answer = admin_client.get(reverse(LIST), {column: "\0"})

    assert answer.status_code == HTTPStatus.BAD_REQUEST


def test_a_viewer_is_offered_no_action() -> None:
    open_order()

    listed = staff("view_order").get(reverse(LIST))

    assert listed.status_code == HTTPStatus.OK
    assert 'name="action"' not in text(listed)


def test_without_a_right_the_list_is_refused() -> None:
    assert staff().get(reverse(LIST)).status_code == HTTPStatus.FORBIDDEN
