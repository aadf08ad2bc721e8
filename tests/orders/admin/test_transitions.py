"""Every transition from the desk: carried out, refused by name, kept from others."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.models import Fulfillment, Order, Payment, StockItem
from orders.services.fulfillment import create_fulfillment, ship
from orders.services.holds import hold_orders
from tests.factories import (
    completed_order,
    draft_order,
    draft_orders,
    ids,
    line,
    open_order,
    open_orders,
    pay,
    stock,
    types_of,
)
from tests.orders.admin.desk import (
    LIST,
    page_of,
    seen,
    send,
    staff,
    text,
    told,
    transition,
)

pytestmark = pytest.mark.django_db


def in_two_weeks() -> str:
    return f"{timezone.now() + timedelta(days=14):%Y-%m-%dT%H:%M}"


def held_order() -> Order:
    return hold_orders([open_order()], reason="Call first").one()


def paid_order() -> Order:
    order = open_order()
    pay(order)
    return order


MAKERS: dict[str, Callable[[], Order]] = {
    "draft": draft_order,
    "open": open_order,
    "held": held_order,
    "paid": paid_order,
    "completed": completed_order,
}
#: Transition, right, the order it is asked of, what is answered, its event.
BY_ORDER: list[tuple[str, str, str, dict[str, str], str]] = [
    ("place", "change_order", "draft", {}, "order.placed"),
    (
        "cancel",
        "change_order",
        "open",
        {"reason": "customer", "note": "By phone"},
        "order.cancelled",
    ),
    ("cancel-paid", "override_order", "paid", {"reason": "fraud"}, "order.cancelled"),
    ("close", "change_order", "completed", {"reason": "completed"}, "order.closed"),
    ("write-off", "override_order", "open", {"note": "Lost"}, "order.closed"),
    ("hold", "change_order", "open", {"reason": "Call first"}, "order.held"),
    ("release", "change_order", "held", {}, "order.released"),
    (
        "extend",
        "change_order",
        "open",
        {"until": in_two_weeks()},
        "order.payment_due_changed",
    ),
    ("note", "change_order", "open", {"note": "Rang"}, "note.added"),
    ("tag", "change_order", "open", {"tags": "gift, vip"}, "tag.changed"),
    ("exempt", "change_order", "open", {"choice": "exempt"}, "order.updated"),
    (
        "pay",
        "record_payment",
        "open",
        {"kind": "capture", "amount": "10.00", "status": "succeeded"},
        "order.paid",
    ),
    ("pack", "change_order", "open", {"carrier": "DHL"}, "fulfillment.created"),
    (
        "edit",
        "change_order",
        "open",
        {"customer_name": "Mary", "metadata": "{}"},
        "order.updated",
    ),
]
one_of_each = pytest.mark.parametrize(
    ("name", "right", "made", "answers", "event"), BY_ORDER
)


def filled_in(name: str, order: Order, answers: dict[str, str]) -> dict[str, str]:
    if name != "pack":
        return answers
    return answers | {f"line_{one.pk}": str(one.quantity) for one in order.lines.all()}


@one_of_each
def test_it_is_carried_out_on_one_order(
    name: str, right: str, made: str, answers: dict[str, str], event: str
) -> None:
    order = MAKERS[made]()
    client = staff("view_order", right)

    answer = send(client, name, [order], **filled_in(name, order, answers))

    assert answer["Location"] == page_of(order)
    assert f"Order #{order.number}: " in told(answer)
    written = order.events.latest("seq")
    assert written.type == event
    assert written.origin == "admin"
    assert written.actor_label == f"staff-view_order-{right}"[:150]


@one_of_each
def test_a_forged_post_without_the_right_changes_nothing(
    name: str, right: str, made: str, answers: dict[str, str], event: str
) -> None:
    order = MAKERS[made]()
    before = Order.objects.get(pk=order.pk).version
    others = {"view_order", "change_order", "override_order", "record_payment"}
    client = staff(*sorted(others - {right}))

    answer = send(client, name, [order], **filled_in(name, order, answers))
    asked = client.get(transition(name), {"order": str(order.pk)})

    assert answer.status_code == asked.status_code == HTTPStatus.FORBIDDEN
    assert Order.objects.get(pk=order.pk).version == before
    assert event not in types_of(order)[before:]


@one_of_each
def test_sent_twice_it_is_done_once(
    name: str, right: str, made: str, answers: dict[str, str], event: str
) -> None:
    order = MAKERS[made]()
    client = staff("view_order", right)
    sent = {"seen": seen([order])} | filled_in(name, order, answers)

    client.post(transition(name), sent)
    after_first = types_of(order)
    again = client.post(transition(name), sent)

    assert event in after_first
    assert again.status_code == HTTPStatus.OK
    assert types_of(order) == after_first


def test_staff_without_any_right_on_orders_are_refused() -> None:
    order = open_order()

    answer = send(staff("record_payment"), "pay", [order], amount="10")

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert not order.payments.exists()


def test_a_visitor_is_sent_to_the_login(client: Client) -> None:
    order = open_order()

    answer = send(client, "cancel", [order], reason="customer")

    assert answer.status_code == HTTPStatus.FOUND
    assert "/login/" in answer["Location"]
    assert Order.objects.get(pk=order.pk).status == "open"


def choose(client: Client, action: str, orders: list[Order], **fields: str) -> Any:
    """Press an action of the list with these orders ticked."""
    return client.post(
        reverse(LIST),
        {"action": action, ACTION_CHECKBOX_NAME: [str(pk) for pk in ids(orders)]}
        | fields,
    )


def test_the_list_asks_first_and_tells_whom_it_will_refuse(
    admin_client: Client,
) -> None:
    free, paid = open_orders(3), paid_order()

    page = choose(admin_client, "cancel", [*free, paid])

    assert page.status_code == HTTPStatus.OK
    assert page.context["accepted"] == 3
    assert "4 orders selected" in text(page)
    assert "holds captured money; refund it first" in text(page)
    assert Order.objects.filter(status="open").count() == 4


def test_the_answer_names_each_order_that_was_refused(admin_client: Client) -> None:
    free, paid = open_orders(3), paid_order()
    page = choose(admin_client, "cancel", [*free, paid])

    answer = admin_client.post(
        transition("cancel"),
        {"seen": page.context["seen"], "reason": "inventory", "back": "status=open"},
    )

    assert answer["Location"] == reverse(LIST) + "?status=open"
    assert "3 orders: cancelled." in told(answer)
    assert (
        f"Order #{paid.number} holds captured money; refund it first."
        " It is open; allowed now:" in told(answer)
    )
    assert Order.objects.filter(cancel_reason="inventory").count() == 3


def test_a_colleagues_change_is_told_and_the_rest_goes_on(
    admin_client: Client,
) -> None:
    changed, *others = open_orders(3)
    opened = seen([changed, *others])
    hold_orders([changed], reason="Call first")

    answer = admin_client.post(
        transition("cancel"), {"seen": opened, "reason": "customer"}
    )

    assert "2 orders: cancelled." in told(answer)
    assert f"Order #{changed.number} was changed in the meantime (Held" in told(answer)


def test_many_refusals_are_told_up_to_fifty(admin_client: Client) -> None:
    drafts = draft_orders(53)

    answer = send(admin_client, "hold", drafts, reason="Call first")

    assert told(answer).count("is not open") == 50
    assert "and 3 more" in told(answer)


def test_a_chosen_action_covers_every_page_of_the_list(admin_client: Client) -> None:
    orders = open_orders(60)

    page = choose(admin_client, "note", orders[:50], select_across="1")

    assert page.context["total"] == 60


def test_more_orders_than_one_request_takes_are_refused(admin_client: Client) -> None:
    open_orders(1001)

    answer = choose(
        admin_client, "note", list(Order.objects.all()[:1]), select_across="1"
    )

    assert answer.status_code == HTTPStatus.FOUND
    assert "at most 1,000 orders" in told(answer)


def test_scarce_stock_refuses_by_name_and_places_the_rest(
    admin_client: Client,
) -> None:
    stock("MUG", 1)
    first, second = draft_orders(2, lines=[line(sku="MUG")])

    answer = send(admin_client, "place", [first, second])

    assert "#" + str(second.number) in told(answer)
    assert "1 of MUG wanted, 0 left" in told(answer)
    first.refresh_from_db()
    assert first.status == "open"


def test_the_list_offers_actions_by_right(admin_client: Client) -> None:
    open_order()

    clerk = text(staff("view_order", "change_order").get(reverse(LIST)))
    manager = text(admin_client.get(reverse(LIST)))

    assert '<option value="cancel">' in clerk
    assert '<option value="write-off">' not in clerk
    assert '<option value="write-off">' in manager
    assert '<option value="pay">' not in manager


def test_an_action_without_its_right_is_not_carried_out() -> None:
    order = open_order()

    choose(staff("view_order"), "cancel", [order])

    assert Order.objects.get(pk=order.pk).status == "open"


@pytest.mark.parametrize("key", ["nonsense", "\0", "9" * 99])
def test_a_forged_selection_is_told(admin_client: Client, key: str) -> None:
    open_order()

    answer = admin_client.post(
        reverse(LIST), {"action": "cancel", ACTION_CHECKBOX_NAME: [key]}
    )

    assert answer.status_code == HTTPStatus.FOUND
    assert "Select the orders again." in told(answer)


@pytest.mark.parametrize(
    "kept",
    ["", "nonsense", "\0", "0" * 32, "0" * 32 + ":x", "0" * 32 + ":" + "9" * 5000],
)
def test_a_forged_memory_of_orders_is_told(admin_client: Client, kept: str) -> None:
    answer = admin_client.post(
        transition("cancel"), {"seen": kept, "reason": "customer"}
    )

    assert answer.status_code == HTTPStatus.FOUND
    assert "Select the orders again." in told(answer)


def test_more_orders_than_a_page_shows_are_not_taken(admin_client: Client) -> None:
    order = open_order()
    others = " ".join(f"{number:032x}:1" for number in range(1000))

    answer = admin_client.post(
        transition("note"), {"seen": f"{seen([order])} {others}", "note": "Rang"}
    )

    assert "Select the orders again." in told(answer)
    assert "note.added" not in types_of(order)


def test_the_way_back_leads_to_the_list_alone(admin_client: Client) -> None:
    order = open_order()

    answer = send(
        admin_client, "note", [order], note="Rang", back="\r\nSet-Cookie: a=b//evil"
    )

    assert answer["Location"].startswith(reverse(LIST) + "?")
    assert "\n" not in answer["Location"]


def test_what_asks_about_one_order_takes_no_two(admin_client: Client) -> None:
    orders = open_orders(2)

    answer = send(admin_client, "pay", orders, kind="capture", amount="1")

    assert "Select the orders again." in told(answer)
    assert not Payment.objects.exists()


def test_a_reason_that_only_the_sweep_gives_is_refused(admin_client: Client) -> None:
    order = open_order()

    answer = send(admin_client, "cancel", [order], reason="payment_overdue")

    assert "Select a valid choice" in text(answer)
    assert Order.objects.get(pk=order.pk).status == "open"


@pytest.mark.parametrize(
    ("until", "problem"),
    [
        ("2020-01-01T00:00", "must lie in the future"),
        ("nonsense", "Enter a valid date/time"),
        ("99999-01-01T00:00", "Enter a valid date/time"),
        ("\0", "Enter a valid date/time"),
    ],
)
def test_a_wrong_time_is_told_at_its_field(
    admin_client: Client, until: str, problem: str
) -> None:
    order = open_order()

    answer = send(admin_client, "hold", [order], reason="Call first", until=until)

    assert problem in text(answer)
    assert Order.objects.get(pk=order.pk).hold_reason == ""


def test_a_write_off_takes_a_reason(admin_client: Client) -> None:
    order = open_order()

    answer = send(admin_client, "write-off", [order])

    assert "This field is required." in text(answer)
    assert Order.objects.get(pk=order.pk).status == "open"


def test_an_exemption_is_taken_back(admin_client: Client) -> None:
    order = open_order(automation_exempt=True)

    send(admin_client, "exempt", [order], choice="subject")

    assert not Order.objects.get(pk=order.pk).automation_exempt


def test_the_amount_asked_for_is_what_is_outstanding(admin_client: Client) -> None:
    order = open_order(lines=[line(unit_price=Decimal("25.50"))])
    pay(order, amount=Decimal(10))

    page = admin_client.get(transition("pay"), {"order": str(order.pk)})

    assert 'value="15.50"' in text(page)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": "0"}, "must be above 0"),
        ({"amount": "-1"}, "greater than or equal to 0"),
        ({"amount": "1.234"}, "EUR has 2 decimal places"),
        ({"amount": "1e30"}, "digits"),
        ({"amount": "NaN"}, "Enter a number"),
        ({"kind": "bribe"}, "Select a valid choice"),
        ({"parent": "nonsense"}, "is not a valid UUID"),
        ({"parent": "\0"}, "Null characters are not allowed"),
        ({"parent": "0" * 32}, "Select a valid choice"),
    ],
)
def test_a_wrong_payment_is_told_at_its_field(
    admin_client: Client, fields: dict[str, str], problem: str
) -> None:
    order = open_order()
    given = {"kind": "capture", "amount": "10", "status": "succeeded"}

    answer = send(admin_client, "pay", [order], **given | fields)

    assert problem in text(answer)
    assert not Payment.objects.exists()


def test_a_reference_with_other_content_is_told(admin_client: Client) -> None:
    first, second = open_orders(2)
    pay(first, provider="bank", provider_reference="TX-1")

    answer = send(
        admin_client,
        "pay",
        [second],
        kind="capture",
        amount="10",
        status="succeeded",
        provider="bank",
        provider_reference="TX-1",
    )

    assert "was reported before with other content" in text(answer)
    assert not second.payments.exists()


def test_a_refund_is_recorded_by_those_who_may_override_alone() -> None:
    order = paid_order()
    given = {"kind": "refund", "amount": "10", "status": "succeeded"}

    clerk = send(staff("view_order", "record_payment"), "pay", [order], **given)
    manager = send(
        staff("view_order", "record_payment", "override_order"), "pay", [order], **given
    )

    assert "Select a valid choice" in text(clerk)
    assert manager.status_code == HTTPStatus.FOUND
    assert order.payments.filter(kind="refund").count() == 1


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_a_pending_payment_is_settled(admin_client: Client, status: str) -> None:
    order = open_order()
    payment = pay(order, status="pending")

    answer = send(
        admin_client, "settle", [order], payment=str(payment.pk), status=status
    )

    payment.refresh_from_db()
    assert answer.status_code == HTTPStatus.FOUND
    assert payment.status == status


def test_a_payment_that_is_settled_is_not_settled_again(admin_client: Client) -> None:
    order = open_order()
    payment = pay(order)

    answer = send(
        admin_client, "settle", [order], payment=str(payment.pk), status="failed"
    )

    assert "There is no such pending payment." in text(answer)
    payment.refresh_from_db()
    assert payment.status == "succeeded"


def test_a_parcel_is_packed_with_units_of_each_line(admin_client: Client) -> None:
    order = open_order(lines=[line(quantity=3), line(quantity=2)])
    first, second = order.lines.all()

    send(
        admin_client, "pack", [order], **{f"line_{first.pk}": 2, f"line_{second.pk}": 0}
    )

    parcel = order.fulfillments.get()
    assert parcel.status == "pending"
    assert [(one.line_id, one.quantity) for one in parcel.lines.all()] == [
        (first.pk, 2)
    ]


def test_a_parcel_leaves_at_once(admin_client: Client) -> None:
    order = open_order(lines=[line(quantity=3)])
    (one,) = order.lines.all()

    send(admin_client, "pack", [order], ship_now="on", **{f"line_{one.pk}": 3})

    order.refresh_from_db()
    assert order.fulfillments.get().status == "shipped"
    assert order.fulfillment_status == "fulfilled"


def test_a_parcel_that_cannot_leave_is_not_packed(admin_client: Client) -> None:
    stock("MUG", 0, allow_backorder=True)
    order = open_order(lines=[line(sku="MUG")])
    (one,) = order.lines.all()

    answer = send(admin_client, "pack", [order], ship_now="on", **{f"line_{one.pk}": 1})

    assert "lacks on hand: MUG" in text(answer)
    assert not Fulfillment.objects.exists()
    assert StockItem.objects.get().on_hand == 0


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"units": "2"}, "less than or equal to 1"),
        ({"units": "0"}, "nothing is left to pack"),
        ({"units": "9" * 40}, "less than or equal to 1"),
        ({"units": "1", "tracking_url": "javascript:alert(1)"}, "is not an http"),
    ],
)
def test_a_wrong_parcel_is_told(
    admin_client: Client, fields: dict[str, str], problem: str
) -> None:
    order = open_order()
    (one,) = order.lines.all()
    fields[f"line_{one.pk}"] = fields.pop("units")

    answer = send(admin_client, "pack", [order], **fields)

    assert problem in text(answer)
    assert not Fulfillment.objects.exists()


def test_a_packed_parcel_is_shipped_then_delivered(admin_client: Client) -> None:
    order = open_order()
    parcel = create_fulfillment(order)

    send(admin_client, "ship", [order], parcel=str(parcel.pk), carrier="DHL")
    send(admin_client, "deliver", [order], parcel=str(parcel.pk))

    parcel.refresh_from_db()
    assert (parcel.status, parcel.carrier) == ("delivered", "DHL")


def test_a_packed_parcel_is_unpacked(admin_client: Client) -> None:
    order = open_order()
    parcel = create_fulfillment(order)

    send(admin_client, "unpack", [order], parcel=str(parcel.pk))

    parcel.refresh_from_db()
    assert parcel.status == "cancelled"


@pytest.mark.parametrize("name", ["ship", "deliver", "unpack"])
def test_a_parcel_of_another_order_is_refused(admin_client: Client, name: str) -> None:
    order, other = open_orders(2)
    parcel = create_fulfillment(other)
    if name == "deliver":
        ship([parcel])
    before = Fulfillment.objects.get().status

    answer = send(admin_client, name, [order], parcel=str(parcel.pk))

    assert "There is no such parcel" in text(answer)
    assert Fulfillment.objects.get().status == before


@pytest.mark.parametrize("name", ["ship", "deliver", "unpack", "settle"])
def test_parts_are_kept_from_those_without_the_right(name: str) -> None:
    order = open_order()
    parcel = create_fulfillment(order)
    payment = pay(order, status="pending")

    answer = send(
        staff("view_order"),
        name,
        [order],
        parcel=str(parcel.pk),
        payment=str(payment.pk),
        status="succeeded",
    )

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert Fulfillment.objects.get().status == "pending"
    assert Payment.objects.get().status == "pending"
