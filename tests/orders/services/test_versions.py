"""What was asked of an order as it no longer is, is refused."""

from __future__ import annotations

from functools import partial

import pytest

from orders.models import Order
from orders.services.holds import hold_orders
from orders.services.remarks import add_note
from orders.services.versions import change_unless_stale
from tests.factories import draft_orders, open_orders, types_of

pytestmark = pytest.mark.django_db


def test_only_the_orders_that_are_as_they_were_seen_are_changed() -> None:
    same, changed = open_orders(2)
    seen = {same.pk: same.version, changed.pk: changed.version}
    hold_orders([changed], reason="Call first")

    outcome = change_unless_stale(seen, partial(add_note, note="Rang"))

    assert outcome.changed == [same.pk]
    assert outcome.refused[changed.pk].code == "stale"
    refusal = str(outcome.refused[changed.pk])
    assert f"#{changed.number} was changed in the meantime (Held, by system)" in refusal
    assert types_of(changed)[-1] == "order.held"


def test_an_order_that_does_not_exist_is_refused_as_such() -> None:
    missing = Order().pk

    outcome = change_unless_stale({missing: 1}, partial(add_note, note="Rang"))

    assert outcome.refused[missing].code == "unknown"


def test_the_refusals_of_the_change_itself_are_told_too() -> None:
    (draft,) = draft_orders(1)

    outcome = change_unless_stale(
        {draft.pk: draft.version}, partial(hold_orders, reason="Call first")
    )

    assert outcome.refused[draft.pk].code == "status"
