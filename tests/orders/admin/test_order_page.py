"""The page of one order: what it shows, what it offers, what it takes."""

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
from orders.services.details import update_orders
from orders.services.fulfillment import create_fulfillment, ship
from orders.services.holds import hold_orders
from orders.services.remarks import add_note
from tests.factories import completed_order, draft_order, line, open_order, pay
from tests.orders.admin.desk import page_of, seen, send, staff, text, transition

pytestmark = pytest.mark.django_db

ALL_RIGHTS = ("view_order", "change_order", "override_order", "record_payment")


def offered(client: Client, order: Order) -> set[str]:
    page = client.get(page_of(order))
    return {one.name for one in page.context["offered"]}


def test_it_shows_lines_payments_parcels_and_the_past(admin_client: Client) -> None:
    order = open_order(lines=[line(sku="MUG", quantity=3, unit_price=Decimal(4))])
    pay(order, provider="Bank", provider_reference="TX-1")
    parcel = create_fulfillment(order, carrier="DHL", tracking_number="JD0001")
    ship([parcel])
    add_note([order], note="<b>Rang</b> the customer")

    page = text(admin_client.get(page_of(order)))

    assert "MUG" in page
    assert "12.00 EUR" in page
    assert "TX-1" in page
    assert "JD0001" in page
    assert "Payment status: Unpaid → Paid" in page
    assert "3 × MUG" in page
    assert "&lt;b&gt;Rang&lt;/b&gt; the customer" in page
    assert page.index("Rang") < page.index("Shipped</strong>") < page.index("Created<")


def test_a_personal_field_is_named_on_the_timeline_and_not_told(
    admin_client: Client,
) -> None:
    order = open_order(customer_email="old@example.org")
    update_orders([order], customer_email="new@example.org")

    page = text(admin_client.get(page_of(order)))

    assert "Customer email changed" in page
    assert "old@example.org" not in page


@pytest.mark.parametrize(
    ("wait", "shown"),
    [
        (timedelta(days=3), "3 days"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(minutes=61), "1 hour"),
        (timedelta(minutes=2), "1 hour"),
    ],
)
def test_it_says_when_a_policy_will_cancel_it(
    admin_client: Client, wait: timedelta, shown: str
) -> None:
    due_at = timezone.now() + wait
    order = open_order(payment_due_at=due_at)

    page = text(admin_client.get(page_of(order)))

    when = f"in {shown} ({due_at:%Y-%m-%d %H:%M} UTC)"
    assert f"Will be cancelled {when} by the policy unpaid, online." in page


def test_it_says_when_a_policy_will_close_it(admin_client: Client) -> None:
    order = completed_order(now=timezone.now() - timedelta(days=31))

    page = text(admin_client.get(page_of(order)))

    assert "Will be closed by the next sweep, by the policy completed" in page


def test_it_says_why_no_policy_will_touch_it(admin_client: Client) -> None:
    held = open_order()
    hold_orders([held], reason="Call first")
    untouched = open_order()
    pay(untouched)

    held_page = text(admin_client.get(page_of(held)))
    untouched_page = text(admin_client.get(page_of(untouched)))

    assert "Will not be cancelled: held." in held_page
    assert "No policy will close or cancel it as it is now." in untouched_page


def test_it_offers_what_the_order_would_accept() -> None:
    client = staff(*ALL_RIGHTS)
    always = {"note", "tag", "exempt", "pay"}
    drafted, opened, completed = draft_order(), open_order(), completed_order()

    assert offered(client, drafted) == always | {"edit", "place", "cancel"}
    assert offered(client, opened) == always | {
        "edit",
        "pack",
        "hold",
        "extend",
        "write-off",
        "cancel",
    }
    assert offered(client, completed) == always | {"edit", "hold", "extend", "close"}


def test_a_held_order_may_be_released() -> None:
    order = open_order()
    hold_orders([order], reason="Call first")

    names = offered(staff("change_order"), order)

    assert "release" in names
    assert "pack" not in names


def test_a_paid_order_is_cancelled_by_those_who_may_override_alone() -> None:
    order = open_order()
    pay(order)

    clerk = offered(staff("view_order", "change_order"), order)
    manager = offered(staff("view_order", "change_order", "override_order"), order)

    assert not {"cancel", "cancel-paid", "write-off"} & clerk
    assert {"cancel-paid", "write-off"} <= manager


def test_a_viewer_sees_it_and_is_offered_nothing() -> None:
    order = open_order()
    pay(order, status="pending")
    create_fulfillment(order)

    page = staff("view_order").get(page_of(order))

    assert page.status_code == HTTPStatus.OK
    assert "/transition/" not in text(page)


def test_the_number_of_queries_does_not_grow_with_the_order(
    admin_client: Client,
) -> None:
    small = open_order(lines=[line()])
    large = open_order(lines=[line() for _ in range(12)])
    for _ in range(5):
        pay(large, amount=Decimal(1))
        add_note([large], note="Rang the customer")
    for one in large.lines.all()[:4]:
        create_fulfillment(large, quantities={one.pk: 1})
    pay(small, amount=Decimal(1))
    create_fulfillment(small)

    with CaptureQueriesContext(connection) as for_small:
        admin_client.get(page_of(small))
    with CaptureQueriesContext(connection) as for_large:
        admin_client.get(page_of(large))

    assert len(for_large) == len(for_small) <= 16


def test_a_long_past_is_shown_on_demand(admin_client: Client) -> None:
    order = open_order()
    for number in range(110):
        add_note([order], note=f"note {number}")

    recent = text(admin_client.get(page_of(order)))
    whole = text(admin_client.get(page_of(order), {"timeline": "all"}))

    assert "Show 12 earlier events" in recent
    assert "Placed</strong>" not in recent
    assert "Placed</strong>" in whole


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_page_itself_changes_nothing(admin_client: Client, method: str) -> None:
    order = open_order()

    answer = getattr(admin_client, method)(page_of(order), {"status": "closed"})

    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert Order.objects.get(pk=order.pk).version == order.version


@pytest.mark.parametrize(
    "key", ["nonsense", "%00", "9" * 60, "../..", "0" * 32, "a/b/change"]
)
def test_an_order_that_does_not_exist_leads_back(
    admin_client: Client, key: str
) -> None:
    answer = admin_client.get(f"/admin/orders/order/{key}/change/")

    assert answer.status_code in (HTTPStatus.FOUND, HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("key", ["", "nonsense", "\0", "0" * 32])
def test_a_question_about_no_order_leads_back(admin_client: Client, key: str) -> None:
    answer = admin_client.get(transition("cancel"), {"order": key})

    assert answer.status_code == HTTPStatus.FOUND


EDITED = {
    "customer_name": "Ada Lovelace",
    "customer_email": "ada@example.org",
    "customer_reference": "",
    "external_reference": "",
    "metadata": "{}",
}


def test_editing_hands_on_what_was_changed(admin_client: Client) -> None:
    order = open_order(customer_name="Ada Lovelace", customer_email="ada@example.org")

    answer = send(
        admin_client,
        "edit",
        [order],
        **EDITED | {"customer_reference": "PO-7", "shipping_address_4": "Turin"},
    )

    order.refresh_from_db()
    assert answer.status_code == HTTPStatus.FOUND
    assert order.customer_reference == "PO-7"
    assert order.shipping_address == {"city": "Turin"}
    event = order.events.latest("seq")
    assert event.data["changes"].keys() == {"customer_reference", "shipping_address"}
    assert (event.actor_label, event.origin) == ("admin", "admin")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("customer_email", "nobody", "is not an e-mail address"),
        ("shipping_address_7", "Italy", "two-letter code"),
        ("metadata", "[" * 9000, "Enter valid JSON"),
        ("metadata", "[]", "Enter a JSON object"),
        ("metadata", '{"a": "\\u0000"}', "contains a NUL character"),
        ("customer_name", "a\0b", "Null characters are not allowed"),
        ("customer_name", "x" * 201, "at most 200 characters"),
    ],
)
def test_a_wrong_value_is_told_at_its_field(
    admin_client: Client, name: str, value: str, problem: str
) -> None:
    order = open_order()

    answer = send(admin_client, "edit", [order], **EDITED | {name: value})

    assert answer.status_code == HTTPStatus.OK
    assert problem in text(answer)
    assert Order.objects.get(pk=order.pk).version == order.version


def test_a_form_opened_before_a_colleagues_change_is_refused(
    admin_client: Client,
) -> None:
    order = open_order()
    opened = seen([order])
    hold_orders([order], reason="Call first")

    answer = admin_client.post(
        transition("edit"), EDITED | {"seen": opened, "customer_name": "Mary"}
    )

    assert answer.status_code == HTTPStatus.OK
    assert "was changed in the meantime (Held, by system)" in text(answer)
    assert 'value="Mary"' in text(answer)
    assert Order.objects.get(pk=order.pk).customer_name == order.customer_name


def test_saving_what_is_there_already_is_refused(admin_client: Client) -> None:
    order = open_order(customer_name="Ada Lovelace", customer_email="ada@example.org")

    answer = send(admin_client, "edit", [order], **EDITED)

    assert "Nothing was changed." in text(answer)


def test_a_closed_order_cannot_be_opened_for_editing_by_address() -> None:
    order = completed_order()
    Order.objects.filter(pk=order.pk).update(
        status="closed", closed_at=timezone.now(), close_reason="completed"
    )

    answer = send(staff("change_order"), "edit", [order], **EDITED)

    assert "is not draft or open" in text(answer)


def test_the_page_that_asks_is_opened_for_reading(admin_client: Client) -> None:
    order = open_order()

    for name in ("edit", "pay", "pack", "hold", "extend", "cancel", "exempt"):
        page = admin_client.get(transition(name), {"order": str(order.pk)})
        assert page.status_code == HTTPStatus.OK
        assert str(order.pk) in text(page)
    assert Order.objects.get(pk=order.pk).version == order.version


def test_an_unknown_transition_is_not_found(admin_client: Client) -> None:
    order = open_order()

    answer = admin_client.post(transition("explode"), {"seen": seen([order])})

    assert answer.status_code == HTTPStatus.NOT_FOUND


def test_a_forged_post_without_the_token_is_refused() -> None:
    order = open_order()
    client = staff("change_order")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies

    answer = strict.post(
        transition("cancel"), {"seen": seen([order]), "reason": "customer"}
    )

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert Order.objects.get(pk=order.pk).status == "open"


def test_the_history_page_needs_a_right() -> None:
    order = open_order()
    url = reverse("admin:orders_order_history", args=[order.pk])

    assert staff().get(url).status_code == HTTPStatus.FORBIDDEN
