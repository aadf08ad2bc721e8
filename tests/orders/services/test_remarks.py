"""Notes, tags and the exemption, in every state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orders.exceptions import InvalidInput, RejectedByDatabase
from orders.models import Order
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.remarks import add_note, add_tags, set_automation_exempt, set_tags
from tests.factories import completed_order, draft_order, open_order

pytestmark = pytest.mark.django_db


def closed() -> Order:
    return close_orders([completed_order()]).one()


def cancelled() -> Order:
    return cancel_orders([open_order()], reason="staff").one()


@pytest.mark.parametrize("prepare", [draft_order, open_order, closed, cancelled])
def test_remarks_are_taken_in_every_state(prepare: Callable[[], Order]) -> None:
    order = prepare()

    add_note([order], note="rang")
    set_tags([order], tags=["vip"])
    order = set_automation_exempt([order], exempt=True).one()

    assert (order.tags, order.automation_exempt) == (["vip"], True)
    assert order.events.get(type="note.added").note == "rang"


def test_tags_are_replaced() -> None:
    order = open_order(tags=["vip", "gift"])

    order = set_tags([order], tags=["b", "a", "b"]).one()

    event = order.events.get(type="tag.changed")
    assert order.tags == ["a", "b"]
    assert event.data["changes"] == {"tags": [["gift", "vip"], ["a", "b"]]}


def test_all_tags_are_taken_away() -> None:
    assert set_tags([open_order(tags=["vip"])], tags=[]).one().tags == []


def test_tags_are_added_to_each_order_s_own() -> None:
    first, second = open_order(tags=["vip"]), open_order(tags=["gift", "late"])

    outcome = add_tags([first, second], tags=["late", "call"])

    assert [order.tags for order in outcome.orders] == [
        ["call", "late", "vip"],
        ["call", "gift", "late"],
    ]


def test_order_with_too_many_tags_is_refused_alone() -> None:
    full = open_order(tags=[str(number) for number in range(50)])
    other = open_order()

    outcome = add_tags([full, other], tags=["vip"])

    assert outcome.changed == [other.pk]
    assert isinstance(outcome.refused[full.pk], RejectedByDatabase)
    assert "orders_order_tags_count" in str(outcome.refused[full.pk])


def test_exemption_is_given_and_taken_away() -> None:
    order = open_order()

    order = set_automation_exempt([order], exempt=True, note="key account").one()
    event = order.events.get(type="order.updated")
    assert event.note == "key account"
    assert event.data["changes"] == {"automation_exempt": [False, True]}

    assert not set_automation_exempt([order], exempt=False).one().automation_exempt


@pytest.mark.parametrize("note", ["", " \n", "x" * 4001, "a\0", "\ud800", None])
def test_wrong_note_is_named(note: Any) -> None:
    order = open_order()

    with pytest.raises(InvalidInput) as refused:
        add_note([order], note=note)

    order.refresh_from_db()
    assert refused.value.field == "note"
    assert order.version == 2


@pytest.mark.parametrize(
    "tags", [[""], ["x" * 65], ["\0"], [7], [["vip"]], [str(n) for n in range(51)]]
)
@pytest.mark.parametrize("service", [set_tags, add_tags])
def test_wrong_tag_is_named(service: Callable[..., Any], tags: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        service([open_order()], tags=tags)

    assert refused.value.field == "tags"


def test_one_word_is_one_tag() -> None:
    assert set_tags([open_order()], tags="vip").one().tags == ["vip"]
