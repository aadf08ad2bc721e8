"""What is on the shelves."""

from __future__ import annotations

from typing import Any

import pytest

from orders.exceptions import InvalidInput
from orders.models import StockItem
from orders.services.stock import adjust_stock
from tests.factories import line, open_order, stock

pytestmark = pytest.mark.django_db


def test_sku_becomes_tracked() -> None:
    item = adjust_stock("MUG", on_hand=7)

    assert (item.on_hand, item.reserved, item.allow_backorder) == (7, 0, False)


def test_count_is_set_and_what_is_promised_stays() -> None:
    stock("MUG", on_hand=7, allow_backorder=True)
    open_order(lines=[line(sku="MUG", quantity=3)])

    item = adjust_stock("MUG", on_hand=2)

    assert (item.on_hand, item.reserved, item.available) == (2, 3, -1)
    assert item.allow_backorder


def test_backorder_is_allowed_and_forbidden() -> None:
    assert adjust_stock("MUG", on_hand=0, allow_backorder=True).allow_backorder
    assert not adjust_stock("MUG", on_hand=0, allow_backorder=False).allow_backorder


@pytest.mark.parametrize(
    ("sku", "on_hand", "field"),
    [
        ("", 1, "sku"),
        (" ", 1, "sku"),
        ("x" * 65, 1, "sku"),
        ("a\0", 1, "sku"),
        ("MUG", -1, "on_hand"),
        ("MUG", 2**31, "on_hand"),
        ("MUG", True, "on_hand"),
        ("MUG", 1.5, "on_hand"),
    ],
)
def test_wrong_value_is_named(sku: str, on_hand: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        adjust_stock(sku, on_hand=on_hand)

    assert refused.value.field == field
    assert not StockItem.objects.exists()
