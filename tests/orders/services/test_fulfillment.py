"""Parcels: packed, sent, arrived, unpacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders.exceptions import InvalidInput, OutOfStock, Refusal
from orders.models import Fulfillment, FulfillmentLine, Order, OrderLine, StockItem
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.fulfillment import (
    cancel_fulfillment,
    create_fulfillment,
    deliver,
    ship,
)
from orders.services.holds import hold_orders, release_orders
from tests.factories import (
    completed_order,
    draft_order,
    ids,
    line,
    open_order,
    open_orders,
    pay,
    send,
    stock,
    types_of,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def shelf(sku: str) -> tuple[int, int]:
    item = StockItem.objects.get(sku=sku)
    return item.on_hand, item.reserved


def line_at(order: Order, position: int) -> OrderLine:
    return order.lines.get(position=position)


def test_parcel_holds_all_that_is_left_by_default() -> None:
    order = open_order(
        lines=[line(quantity=2), line(requires_shipping=False), line(sku="CUP")]
    )

    parcel = create_fulfillment(order, carrier="DHL", note="fragile", now=NOW)

    order.refresh_from_db()
    event = order.events.get(type="fulfillment.created")
    packed = parcel.lines.values_list("line__position", "quantity")
    assert list(packed.order_by("line__position")) == [(1, 2), (3, 1)]
    assert (parcel.status, parcel.carrier, parcel.created_at) == ("pending", "DHL", NOW)
    assert order.fulfillment_status == "unfulfilled"
    assert (order.version, event.note) == (3, "fragile")
    assert event.data["fulfillment"] == str(parcel.pk)
    assert {"sku": "CUP", "quantity": 1} in event.data["lines"]


def test_sent_parcel_takes_its_units_and_their_reservation() -> None:
    stock("MUG", on_hand=9)
    order = open_order(lines=[line(sku="MUG", quantity=3), line(sku="MUG")])
    wanted = {line_at(order, 1).pk: 2, line_at(order, 2).pk: 1}
    parcel = create_fulfillment(order, quantities=wanted)

    order = ship(
        [parcel],
        carrier="UPS",
        tracking_number="1Z",
        tracking_url="https://ups.example/1Z",
        now=NOW,
    ).one()

    parcel.refresh_from_db()
    event = order.events.get(type="fulfillment.shipped")
    assert (parcel.status, parcel.shipped_at) == ("shipped", NOW)
    assert (parcel.carrier, parcel.tracking_number) == ("UPS", "1Z")
    assert parcel.tracking_url == "https://ups.example/1Z"
    assert shelf("MUG") == (6, 1)
    assert (order.qty_fulfilled, order.fulfillment_status) == (3, "partial")
    assert line_at(order, 1).qty_reserved == line_at(order, 1).qty_open == 1
    assert line_at(order, 2).qty_reserved == line_at(order, 2).qty_open == 0
    assert event.data["changes"]["fulfillment_status"] == ["unfulfilled", "partial"]


def test_tracking_given_at_packing_stands_where_none_is_given_at_sending() -> None:
    parcel = create_fulfillment(open_order(), carrier="DHL", tracking_number="7")

    ship([parcel], tracking_number="8")

    parcel.refresh_from_db()
    assert (parcel.carrier, parcel.tracking_number) == ("DHL", "8")


def test_last_of_several_parcels_completes_a_paid_order() -> None:
    stock("MUG", on_hand=3)
    order = open_order(lines=[line(sku="MUG", quantity=3)])
    pay(order)

    for left in (2, 1):
        order = send(order, quantities={line_at(order, 1).pk: 1})
        assert order.fulfillment_status == "partial"
        assert order.completed_at is None
        assert shelf("MUG") == (left, left)
    order = send(order, now=NOW)

    assert (order.fulfillment_status, order.completed_at) == ("fulfilled", NOW)
    assert shelf("MUG") == (0, 0)


def test_units_in_a_packed_parcel_are_not_packed_twice() -> None:
    order = open_order(lines=[line(quantity=3)])
    create_fulfillment(order, quantities={line_at(order, 1).pk: 2})

    rest = create_fulfillment(order)

    assert rest.lines.get().quantity == 1
    with pytest.raises(InvalidInput, match="nothing is left to pack"):
        create_fulfillment(order)


def test_unpacked_units_may_be_packed_again() -> None:
    order = open_order(lines=[line(quantity=3)])
    parcel = create_fulfillment(order)

    cancel_fulfillment([parcel], now=NOW, note="wrong box").one()

    parcel.refresh_from_db()
    assert (parcel.status, parcel.cancelled_at) == ("cancelled", NOW)
    assert types_of(order)[-1] == "fulfillment.cancelled"
    assert create_fulfillment(order).lines.get().quantity == 3


def test_unpacking_leaves_reservations_alone() -> None:
    stock("MUG", on_hand=3)
    order = open_order(lines=[line(sku="MUG", quantity=3)])

    cancel_fulfillment([create_fulfillment(order)])

    assert shelf("MUG") == (3, 3)


def test_delivered_parcel_is_told() -> None:
    order = open_order()
    parcel = create_fulfillment(order)
    ship([parcel], now=NOW)

    order = deliver([parcel], now=NOW + timedelta(days=1)).one()

    parcel.refresh_from_db()
    assert (parcel.status, parcel.shipped_at) == ("delivered", NOW)
    assert parcel.delivered_at == NOW + timedelta(days=1)
    assert types_of(order)[-1] == "fulfillment.delivered"


def test_parcel_of_a_closed_order_still_arrives() -> None:
    order = close_orders([completed_order()]).one()

    order = deliver([order.fulfillments.get()]).one()

    assert order.status == "closed"
    assert order.fulfillments.get().status == "delivered"


@pytest.mark.parametrize(
    ("service", "prepare_status"),
    [
        (ship, "shipped"),
        (ship, "delivered"),
        (ship, "cancelled"),
        (deliver, "pending"),
        (deliver, "delivered"),
        (deliver, "cancelled"),
        (cancel_fulfillment, "shipped"),
        (cancel_fulfillment, "delivered"),
        (cancel_fulfillment, "cancelled"),
    ],
)
def test_parcel_in_another_state_is_refused_and_its_neighbours_are_not(
    service: Callable[[list[Fulfillment]], Any], prepare_status: str
) -> None:
    needed = "shipped" if service is deliver else "pending"
    parcels = [create_fulfillment(order) for order in open_orders(3)]
    now = {"shipped_at": NOW, "delivered_at": NOW}
    Fulfillment.objects.update(status=needed, **now)
    Fulfillment.objects.filter(pk=parcels[1].pk).update(status=prepare_status)

    outcome = service(parcels)

    refusal = outcome.refused[parcels[1].order_id]
    assert outcome.changed == [parcels[0].order_id, parcels[2].order_id]
    assert (refusal.code, refusal.status) == ("fulfillment_status", "open")
    assert "cancel" in refusal.allowed_actions
    assert f"has a parcel that is {prepare_status}, not {needed}" in str(refusal)


def test_parcel_that_comes_back_is_not_sent() -> None:
    parcel = create_fulfillment(open_order())
    Fulfillment.objects.update(direction="in", status="requested")

    outcome = ship([parcel])

    assert outcome.refused[parcel.order_id].code == "fulfillment_status"
    assert Fulfillment.objects.get().status == "requested"


def test_parcel_that_there_is_not_is_not_sent() -> None:
    order = open_order()

    outcome = ship([Fulfillment(order=order)])

    order.refresh_from_db()
    assert outcome.refused[order.pk].code == "fulfillment_status"
    assert "fulfillment.shipped" not in types_of(order)


def test_two_parcels_of_one_order_go_one_at_a_time() -> None:
    order = open_order(lines=[line(quantity=2)])
    first = create_fulfillment(order, quantities={line_at(order, 1).pk: 1})
    second = create_fulfillment(order)

    with pytest.raises(InvalidInput) as refused:
        ship([first, second])

    assert refused.value.field == "fulfillments"
    assert set(Fulfillment.objects.values_list("status", flat=True)) == {"pending"}


def test_units_go_to_the_first_parcels_that_can_be_sent_whole() -> None:
    stock("MUG", on_hand=5, allow_backorder=True)
    parcels = [
        create_fulfillment(open_order(lines=[line(sku="MUG", quantity=quantity)]))
        for quantity in (3, 4, 2, 1)
    ]

    outcome = ship(parcels)

    refusals = [outcome.refused[parcels[i].order_id] for i in (1, 3)]
    assert outcome.changed == [parcels[0].order_id, parcels[2].order_id]
    assert all(isinstance(refusal, OutOfStock) for refusal in refusals)
    assert {refusal.status for refusal in refusals} == {"open"}
    assert "lacks on hand: MUG" in str(refusals[0])
    assert shelf("MUG") == (0, 5)
    assert list(
        Fulfillment.objects.filter(status="pending").values_list("order_id", flat=True)
    ) == [refusal.order_id for refusal in refusals]


def test_untracked_units_are_sent_without_stock() -> None:
    order = send(open_order(lines=[line(sku="UNTRACKED", quantity=4)]))

    assert order.qty_fulfilled == 4
    assert not StockItem.objects.exists()


def test_sku_tracked_since_the_order_gives_up_units_that_it_never_promised() -> None:
    order = open_order(lines=[line(sku="MUG", quantity=2)])
    stock("MUG", on_hand=3)

    send(order)

    assert shelf("MUG") == (1, 0)


def held() -> Order:
    return hold_orders([open_order()], reason="fraud?").one()


def cancelled() -> Order:
    return cancel_orders([open_order()], reason="staff").one()


def all_sent() -> Order:
    return send(open_order())


def closed() -> Order:
    return close_orders([completed_order()]).one()


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (draft_order, "status"),
        (cancelled, "status"),
        (closed, "status"),
        (held, "held"),
        (all_sent, "fulfilled"),
    ],
)
def test_order_is_not_packed(prepare: Callable[[], Order], code: str) -> None:
    order = prepare()
    parcels = order.fulfillments.count()

    with pytest.raises(Refusal) as refused:
        create_fulfillment(order)

    assert refused.value.code == code
    assert "fulfill" not in refused.value.allowed_actions
    assert order.fulfillments.count() == parcels


def test_held_order_is_sent_only_when_it_is_released() -> None:
    order, neighbour = open_orders(2)
    parcels = [create_fulfillment(order), create_fulfillment(neighbour)]
    hold_orders([order], reason="fraud?")

    outcome = ship(parcels)

    assert outcome.changed == [neighbour.pk]
    assert outcome.refused[order.pk].code == "held"
    release_orders([order])
    assert ship(parcels[:1]).changed == ids([order])


def test_hold_ends_by_itself() -> None:
    order = open_order()
    parcel = create_fulfillment(order)
    hold_orders([order], reason="fraud?", until=NOW + timedelta(hours=1), now=NOW)

    just_before = NOW + timedelta(minutes=59, seconds=59)
    assert ship([parcel], now=just_before).refused[order.pk].code == "held"
    assert ship([parcel], now=NOW + timedelta(hours=1)).changed == [order.pk]


Quantities = Callable[[int, int], Mapping[int, Any]]


@pytest.mark.parametrize(
    "quantities",
    [
        lambda mine, _: {mine: 3},
        lambda mine, _: {mine: 0},
        lambda mine, _: {mine: -1},
        lambda mine, _: {mine: True},
        lambda mine, _: {mine: "1"},
        lambda mine, other: {mine: 1, other: 1},
        lambda _, __: {2**62: 1},
        lambda _, __: {},
    ],
)
def test_units_that_are_not_there_are_named(quantities: Quantities) -> None:
    order, other = open_orders(2, lines=[line(quantity=2)])
    wanted = quantities(line_at(order, 1).pk, line_at(other, 1).pk)

    with pytest.raises(InvalidInput) as refused:
        create_fulfillment(order, quantities=wanted)

    assert refused.value.field == "quantities"
    assert not Fulfillment.objects.exists()
    assert not FulfillmentLine.objects.exists()


def test_line_that_needs_no_shipping_is_not_packed() -> None:
    order = open_order(lines=[line(), line(requires_shipping=False)])

    with pytest.raises(InvalidInput, match="0 left to ship"):
        create_fulfillment(order, quantities={line_at(order, 2).pk: 1})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("carrier", "x" * 65),
        ("carrier", "\0"),
        ("tracking_number", "x" * 129),
        ("tracking_url", "javascript:alert(1)"),
        ("tracking_url", "ftp://example.org/1"),
        ("tracking_url", "https://example.org/" + "x" * 500),
        ("note", "\ud800"),
    ],
)
def test_wrong_value_is_named(field: str, value: str) -> None:
    order = open_order()
    arguments: dict[str, Any] = {field: value}

    with pytest.raises(InvalidInput) as packing:
        create_fulfillment(order, **arguments)
    parcel = create_fulfillment(order)
    with pytest.raises(InvalidInput) as sending:
        ship([parcel], **arguments)

    assert packing.value.field == sending.value.field == field
    assert Fulfillment.objects.get().status == "pending"
