"""Placing drafts: stock in the caller's order, due dates by policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from orders.exceptions import OutOfStock
from orders.models import ClosePolicy, Order, OrderLine, StockItem
from orders.services.placement import place_orders
from tests.factories import (
    draft_order,
    draft_orders,
    ids,
    line,
    open_order,
    pay,
    stock,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def reserved(sku: str) -> int:
    return StockItem.objects.get(sku=sku).reserved


def test_placed_order_is_open_with_its_units_reserved() -> None:
    stock("MUG", on_hand=5)
    draft = draft_order(
        lines=[line(sku="MUG", quantity=2), line(sku="MUG", name="Second choice")]
    )

    order = place_orders([draft], now=NOW).one()

    event = order.events.get(type="order.placed")
    assert (order.status, order.placed_at) == ("open", NOW)
    assert reserved("MUG") == 3
    assert list(order.lines.values_list("qty_reserved", flat=True)) == [2, 1]
    assert event.data["changes"]["status"] == ["draft", "open"]
    assert event.data["changes"]["payment_due_at"][0] is None


def test_scarce_units_go_in_the_callers_order_and_a_refused_order_takes_none() -> None:
    stock("MUG", on_hand=5)
    stock("CUP", on_hand=9)
    first, greedy, last, late = (
        draft_order(lines=[line(sku="CUP"), line(sku="MUG", quantity=quantity)])
        for quantity in (2, 4, 3, 1)
    )

    outcome = place_orders([last, greedy, first, late])

    refusal = outcome.refused[greedy.pk]
    assert outcome.changed == [last.pk, first.pk]
    assert list(outcome.refused) == [greedy.pk, late.pk]
    assert isinstance(refusal, OutOfStock)
    assert (refusal.code, refusal.status) == ("stock", "draft")
    assert str(refusal) == (
        f"Order {greedy} lacks stock: 4 of MUG wanted, 2 left."
        " It is draft; allowed now: place, cancel, update."
    )
    assert (reserved("MUG"), reserved("CUP")) == (5, 2)
    assert not OrderLine.objects.filter(order=greedy, qty_reserved__gt=0).exists()


def test_two_lines_of_one_sku_want_their_sum() -> None:
    stock("MUG", on_hand=3)
    draft = draft_order(
        lines=[line(sku="MUG", quantity=2), line(sku="MUG", quantity=2)]
    )

    outcome = place_orders([draft])

    assert "4 of MUG wanted, 3 left" in str(outcome.refused[draft.pk])
    assert reserved("MUG") == 0


def test_untracked_sku_reserves_nothing() -> None:
    order = place_orders([draft_order(lines=[line(sku="SERVICE", quantity=9)])]).one()

    assert order.lines.get().qty_reserved == 0


def test_line_without_shipping_reserves_nothing() -> None:
    stock("GIFT-CARD", on_hand=0)
    lines = [line(sku="GIFT-CARD", requires_shipping=False)]

    order = place_orders([draft_order(lines=lines)]).one()

    assert order.lines.get().qty_reserved == reserved("GIFT-CARD") == 0


def test_backorder_reserves_more_than_is_on_hand() -> None:
    stock("MUG", on_hand=1, allow_backorder=True)
    first, second = draft_orders(2, lines=[line(sku="MUG", quantity=2)])

    outcome = place_orders([first, second])

    assert outcome.changed == ids([first, second])
    assert reserved("MUG") == 4
    assert StockItem.objects.get(sku="MUG").available == -3


def test_order_without_lines_is_refused() -> None:
    empty, full = draft_order(lines=[]), draft_order()

    outcome = place_orders([empty, full])

    refusal = outcome.refused[empty.pk]
    assert outcome.changed == [full.pk]
    assert (refusal.code, refusal.status) == ("no_lines", "draft")
    assert refusal.allowed_actions == ("place", "cancel", "update")


def test_totals_that_the_lines_do_not_add_up_to_are_refused() -> None:
    draft = draft_order()
    Order.objects.filter(pk=draft.pk).update(subtotal=11, grand_total=11)

    outcome = place_orders([draft])

    assert outcome.refused[draft.pk].code == "sums"


def test_address_that_mail_cannot_reach_is_refused() -> None:
    draft = draft_order()
    Order.objects.filter(pk=draft.pk).update(customer_email="nobody")

    outcome = place_orders([draft])

    assert outcome.refused[draft.pk].code == "customer_email"


def test_order_without_an_address_for_mail_is_placed() -> None:
    assert place_orders([draft_order(customer_email="")]).changed


def test_open_order_is_not_placed_again() -> None:
    stock("MUG", on_hand=5)
    order = open_order(lines=[line(sku="MUG")])

    outcome = place_orders([order])

    refusal = outcome.refused[order.pk]
    assert str(refusal) == (
        f"Order {order} is not draft."
        " It is open; allowed now: cancel, hold, extend, update, fulfill."
    )
    assert reserved("MUG") == 1


@pytest.mark.parametrize(
    ("payment_mode", "wait"),
    [
        ("online", timedelta(days=3)),
        ("offline", timedelta(days=14)),
        ("on_delivery", None),
        ("none", None),
    ],
)
def test_due_date_is_the_policy_s(payment_mode: str, wait: timedelta | None) -> None:
    order = place_orders([draft_order(payment_mode=payment_mode)], now=NOW).one()

    assert order.payment_due_at == (NOW + wait if wait else None)


def test_explicit_due_date_is_kept() -> None:
    due = NOW + timedelta(hours=1)

    order = place_orders([draft_order(payment_due_at=due)], now=NOW).one()

    assert order.payment_due_at == due


def test_most_specific_policy_decides_enabled_or_not() -> None:
    def policy(days: int, *, enabled: bool = True, **match: str) -> None:
        ClosePolicy.objects.create(
            kind="unpaid", after=timedelta(days=days), enabled=enabled, **match
        )

    policy(50)
    policy(40, match_source="web")
    policy(30, match_source="pos", enabled=False)
    policy(20, match_source="web", match_payment_mode="offline")

    def due(source: str, mode: str) -> datetime | None:
        draft = draft_order(source=source, payment_mode=mode)
        return place_orders([draft], now=NOW).one().payment_due_at

    assert due("web", "offline") == NOW + timedelta(days=20)
    assert due("web", "online") == NOW + timedelta(days=3)
    assert due("web", "none") == NOW + timedelta(days=40)
    assert due("api", "none") == NOW + timedelta(days=50)
    assert due("pos", "none") is None
    assert due("pos", "on_delivery") is None


def test_no_policy_at_all_leaves_the_due_date_empty() -> None:
    ClosePolicy.objects.all().delete()

    assert place_orders([draft_order()]).one().payment_due_at is None


def test_draft_that_was_paid_before_counts_as_settled() -> None:
    draft = draft_order(lines=[line(requires_shipping=False)])
    pay(draft)

    order = place_orders([draft], now=NOW).one()

    assert order.captured_total == Decimal(10)
    assert order.completed_at == NOW
