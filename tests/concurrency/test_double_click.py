"""Two clicks on one button, at the same moment, on a connection each."""

from __future__ import annotations

from functools import partial

import pytest
from django.test import Client

from tests.concurrency.connections import at_once
from tests.factories import open_order, types_of
from tests.orders.admin.desk import seen, staff, transition

pytestmark = pytest.mark.django_db(transaction=True)


def click(cookies: str, name: str, sent: dict[str, str]) -> int:
    client = Client(headers={"cookie": cookies})
    return client.post(transition(name), sent).status_code


@pytest.mark.parametrize(
    ("name", "answers", "event"),
    [
        ("note", {"note": "Rang"}, "note.added"),
        (
            "pay",
            {"kind": "capture", "amount": "1.00", "status": "succeeded"},
            "payment.succeeded",
        ),
    ],
)
def test_two_clicks_at_once_are_carried_out_once(
    name: str, answers: dict[str, str], event: str
) -> None:
    order = open_order()
    browser = staff("change_order", "record_payment")
    cookies = f"sessionid={browser.cookies['sessionid'].value}"
    sent = {"seen": seen([order])} | answers

    answered = at_once(*[partial(click, cookies, name, sent)] * 4)

    assert sorted(answered) == [200, 200, 200, 302]
    assert types_of(order).count(event) == 1
