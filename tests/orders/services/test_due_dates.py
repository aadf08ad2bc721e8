"""More time to pay, never less."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from orders.exceptions import InvalidInput
from orders.services.due_dates import extend_due_dates
from tests.factories import draft_order, ids, open_order, open_orders

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)
DUE = NOW + timedelta(days=3)
LATER = DUE + timedelta(seconds=1)


def test_due_date_moves_later() -> None:
    order = open_order(now=NOW)
    assert order.payment_due_at == DUE

    order = extend_due_dates([order], until=LATER, note="asked for it", now=NOW).one()

    event = order.events.get(type="order.payment_due_changed")
    assert order.payment_due_at == LATER
    assert event.note == "asked for it"
    assert event.data["changes"] == {
        "payment_due_at": ["2030-05-20T12:00:00+00:00", "2030-05-20T12:00:01+00:00"]
    }


def test_order_that_was_never_due_becomes_due() -> None:
    order = open_order(payment_mode="none", now=NOW)
    assert order.payment_due_at is None

    assert extend_due_dates([order], until=DUE, now=NOW).one().payment_due_at == DUE


def test_overdue_order_gets_time_from_now() -> None:
    order = open_order(now=NOW)
    months_after = NOW + timedelta(days=90)
    until = months_after + timedelta(days=1)

    order = extend_due_dates([order], until=until, now=months_after).one()

    assert order.payment_due_at == until


def test_due_date_as_late_already_stands_and_its_neighbours_move() -> None:
    late = open_order(payment_due_at=LATER, now=NOW)
    neighbours = open_orders(2, now=NOW)

    outcome = extend_due_dates(
        [neighbours[0], late, neighbours[1]], until=LATER, now=NOW
    )

    assert outcome.changed == ids(neighbours)
    assert outcome.refused[late.pk].code == "not_later"
    assert "is already due then or later" in str(outcome.refused[late.pk])


def test_draft_has_no_due_date_to_extend() -> None:
    draft = draft_order()

    assert extend_due_dates([draft], until=LATER).refused[draft.pk].code == "status"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("until", NOW),
        ("until", NOW - timedelta(seconds=1)),
        ("until", datetime(2031, 1, 1)),  # noqa: DTZ001 - what is refused
        ("until", date(2031, 1, 1)),
        ("note", "\0"),
    ],
)
def test_wrong_value_is_named(field: str, value: Any) -> None:
    order = open_order(now=NOW)
    arguments: dict[str, Any] = {"until": LATER, field: value}

    with pytest.raises(InvalidInput) as refused:
        extend_due_dates([order], now=NOW, **arguments)

    order.refresh_from_db()
    assert refused.value.field == field
    assert order.payment_due_at == DUE
