"""Holding orders back, until an instant or until somebody releases them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from orders.exceptions import InvalidInput
from orders.models import Order
from orders.models.order import held
from orders.services.guards import allowed_actions
from orders.services.holds import hold_orders, release_orders
from tests.factories import draft_order, ids, open_order, open_orders

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def test_held_order_says_why_and_until_when() -> None:
    until = NOW + timedelta(days=1)

    order = hold_orders(
        [open_order()], reason="fraud?", until=until, note="rang", now=NOW
    ).one()

    event = order.events.get(type="order.held")
    assert (order.hold_reason, order.hold_until) == ("fraud?", until)
    assert event.note == "rang"
    assert event.data["changes"] == {
        "hold_reason": ["", "fraud?"],
        "hold_until": [None, "2030-05-18T12:00:00+00:00"],
    }


@pytest.mark.parametrize(
    ("seconds", "is_held"), [(0, True), (3599, True), (3600, False), (7200, False)]
)
def test_hold_lasts_until_its_instant(
    seconds: int,
    is_held: bool,  # noqa: FBT001
) -> None:
    until = NOW + timedelta(hours=1)
    order = hold_orders([open_order()], reason="fraud?", until=until, now=NOW).one()
    then = NOW + timedelta(seconds=seconds)

    actions = allowed_actions([order], now=then)[order.pk]

    assert order.is_held(then) is is_held
    assert Order.objects.filter(held(then)).exists() is is_held
    assert ("fulfill" in actions) is not is_held


def test_hold_without_an_end_lasts() -> None:
    order = hold_orders([open_order()], reason="fraud?").one()

    assert order.is_held(NOW + timedelta(days=36500))


def test_held_order_is_held_anew() -> None:
    order = open_order()
    hold_orders([order], reason="fraud?", until=NOW + timedelta(days=1), now=NOW)

    order = hold_orders([order], reason="complaint", now=NOW).one()

    assert (order.hold_reason, order.hold_until) == ("complaint", None)


def test_released_order_is_not_held() -> None:
    order = open_order()
    hold_orders([order], reason="fraud?", until=NOW + timedelta(days=1), now=NOW)

    order = release_orders([order], note="cleared").one()

    event = order.events.get(type="order.released")
    assert (order.hold_reason, order.hold_until) == ("", None)
    assert event.note == "cleared"
    assert event.data["changes"]["hold_reason"] == ["fraud?", ""]


def test_hold_that_ran_out_may_be_released() -> None:
    order = open_order()
    hold_orders([order], reason="fraud?", until=NOW + timedelta(hours=1), now=NOW)

    assert release_orders([order], now=NOW + timedelta(days=1)).changed == [order.pk]


def test_draft_is_not_held_and_its_neighbours_are() -> None:
    draft, neighbours = draft_order(), open_orders(2)

    outcome = hold_orders([neighbours[0], draft, neighbours[1]], reason="fraud?")

    refusal = outcome.refused[draft.pk]
    assert outcome.changed == ids(neighbours)
    assert (refusal.code, refusal.status) == ("status", "draft")
    assert refusal.allowed_actions == ("place", "cancel", "update")


def test_order_that_is_not_held_is_not_released() -> None:
    held, free = open_orders(2)
    hold_orders([held], reason="fraud?")

    outcome = release_orders([held, free])

    assert outcome.changed == [held.pk]
    assert outcome.refused[free.pk].code == "not_held"
    assert "release" not in outcome.refused[free.pk].allowed_actions


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", ""),
        ("reason", "  "),
        ("reason", "x" * 201),
        ("reason", "\0"),
        ("until", NOW),
        ("until", NOW - timedelta(days=1)),
        ("until", datetime(2031, 1, 1)),  # noqa: DTZ001 - what is refused
        ("until", date(2031, 1, 1)),
        ("until", datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))),
        ("note", "x" * 4001),
    ],
)
def test_wrong_value_is_named(field: str, value: Any) -> None:
    order = open_order()
    arguments: dict[str, Any] = {"reason": "fraud?", field: value}

    with pytest.raises(InvalidInput) as refused:
        hold_orders([order], now=NOW, **arguments)

    order.refresh_from_db()
    assert refused.value.field == field
    assert order.hold_reason == ""
