"""Stock in the desk: counted by hand, never past what happened meanwhile."""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from orders.models import StockItem
from orders.services.stock import adjust_stock
from tests.factories import line, open_order, send, stock
from tests.orders.admin.desk import staff, text

pytestmark = pytest.mark.django_db

LIST = "admin:orders_stockitem_changelist"
ADD = "admin:orders_stockitem_add"


def page_of(item: StockItem) -> str:
    return reverse("admin:orders_stockitem_change", args=[item.pk])


def test_a_sku_becomes_tracked(admin_client: Client) -> None:
    answer = admin_client.post(reverse(ADD), {"sku": "MUG", "on_hand": "7"})

    assert answer.status_code == HTTPStatus.FOUND
    assert StockItem.objects.get(sku="MUG").on_hand == 7


def test_what_is_on_hand_is_counted_again(admin_client: Client) -> None:
    item = stock("MUG", 5)
    open_order(lines=[line(sku="MUG", quantity=2)])

    answer = admin_client.post(
        page_of(item),
        {"on_hand": "9", "initial-on_hand": "5", "allow_backorder": "on"},
    )

    item.refresh_from_db()
    assert answer.status_code == HTTPStatus.FOUND
    assert (item.on_hand, item.reserved, item.available) == (9, 2, 7)
    assert item.allow_backorder


def test_a_count_from_before_units_left_is_refused(admin_client: Client) -> None:
    item = stock("MUG", 5)
    send(open_order(lines=[line(sku="MUG", quantity=2)]))

    answer = admin_client.post(page_of(item), {"on_hand": "9", "initial-on_hand": "5"})

    assert "There are now 3 on hand, not 5 as this page showed" in text(answer)
    item.refresh_from_db()
    assert item.on_hand == 3


def test_the_page_shows_what_is_reserved_and_keeps_the_sku(
    admin_client: Client,
) -> None:
    item = stock("MUG", 5)
    open_order(lines=[line(sku="MUG", quantity=2)])

    page = admin_client.get(page_of(item))
    admin_client.post(
        page_of(item),
        {"sku": "CUP", "reserved": "0", "on_hand": "5", "initial-on_hand": "5"},
    )

    item.refresh_from_db()
    assert 'name="initial-on_hand"' in text(page)
    assert 'name="reserved"' not in text(page)
    assert (item.sku, item.reserved) == ("MUG", 2)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"on_hand": "-1"}, "greater than or equal to 0"),
        ({"on_hand": "9" * 30}, "less than or equal to 2147483647"),
        ({"on_hand": ""}, "This field is required"),
        ({"sku": "CUP"}, "already exists"),
        ({"sku": "a\0b"}, "Null characters"),
        ({"sku": " "}, "This field is required"),
    ],
)
def test_a_wrong_count_is_told(
    admin_client: Client, fields: dict[str, str], problem: str
) -> None:
    adjust_stock("CUP", on_hand=1)

    answer = admin_client.post(reverse(ADD), {"sku": "MUG", "on_hand": "1"} | fields)

    assert answer.status_code == HTTPStatus.OK
    assert problem in text(answer)
    assert StockItem.objects.count() == 1


def test_search_finds_a_sku(admin_client: Client) -> None:
    stock("MUG-1", 1)
    stock("CUP-1", 1)

    listed = admin_client.get(reverse(LIST), {"q": "mug"})

    assert [item.sku for item in listed.context["cl"].result_list] == ["MUG-1"]


def test_without_the_right_nothing_is_counted() -> None:
    item = stock("MUG", 5)
    client = staff("view_stockitem", "change_order", "override_order")

    shown = client.get(page_of(item))
    changed = client.post(page_of(item), {"on_hand": "9", "initial-on_hand": "5"})
    added = client.post(reverse(ADD), {"sku": "CUP", "on_hand": "1"})

    assert shown.status_code == HTTPStatus.OK
    assert changed.status_code == added.status_code == HTTPStatus.FORBIDDEN
    assert [(one.sku, one.on_hand) for one in StockItem.objects.all()] == [("MUG", 5)]


def test_those_with_the_right_count() -> None:
    item = stock("MUG", 5)

    staff("change_stockitem").post(
        page_of(item), {"on_hand": "9", "initial-on_hand": "5"}
    )

    item.refresh_from_db()
    assert item.on_hand == 9


@pytest.mark.parametrize("key", ["9" * 30, "x", "%00", "-1"])
def test_an_item_that_does_not_exist_leads_back(admin_client: Client, key: str) -> None:
    answer = admin_client.get(f"/admin/orders/stockitem/{key}/change/")

    assert answer.status_code == HTTPStatus.FOUND
