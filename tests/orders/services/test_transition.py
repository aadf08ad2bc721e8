"""What holds of every service that takes a set of orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.exceptions import Refusal, UnknownOrder
from orders.models import Actor, Fulfillment, Order, Origin
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.details import update_orders
from orders.services.due_dates import extend_due_dates
from orders.services.fulfillment import (
    cancel_fulfillment,
    create_fulfillment,
    deliver,
    ship,
)
from orders.services.holds import hold_orders, release_orders
from orders.services.placement import place_orders
from orders.services.remarks import add_note, add_tags, set_automation_exempt, set_tags
from orders.services.transition import Outcome
from tests.factories import (
    draft_orders,
    ids,
    line,
    open_order,
    open_orders,
    pay,
    send,
    stock,
)

pytestmark = pytest.mark.django_db

CLERK = Actor(
    kind=Actor.Kind.USER,
    origin=Origin.ADMIN,
    id="7",
    label="ada",
    run_id="run-1",
    request_id="req-1",
)
LATER = datetime(2031, 3, 30, 1, 30, tzinfo=UTC)
MUGS = [line(sku="MUG"), line(sku="CUP", quantity=2), line(sku="MUG")]


@dataclass(frozen=True)
class Service:
    """One service, orders that it takes, and the event that it writes."""

    prepare: Callable[[int], list[Order]]
    change: Callable[..., Outcome]
    event: str


def open_with_lines(count: int) -> list[Order]:
    return open_orders(count, lines=MUGS)


def drafts_with_lines(count: int) -> list[Order]:
    return draft_orders(count, lines=MUGS)


def complete(count: int) -> list[Order]:
    orders = open_with_lines(count)
    for order in orders:
        pay(order)
        send(order)
    return orders


def packed(count: int) -> list[Order]:
    orders = open_with_lines(count)
    for order in orders:
        create_fulfillment(order)
    return orders


def sent(count: int) -> list[Order]:
    return [send(order) for order in open_with_lines(count)]


def on_hold(count: int) -> list[Order]:
    return hold_orders(open_with_lines(count), reason="address unclear").orders


def of_parcels(service: Callable[..., Outcome]) -> Callable[..., Outcome]:
    def change(orders: list[Order], **arguments: Any) -> Outcome:
        parcels = Fulfillment.objects.filter(order__in=orders)
        by_order = {parcel.order_id: parcel for parcel in parcels}
        return service([by_order[order.pk] for order in orders], **arguments)

    return change


def with_arguments(
    service: Callable[..., Outcome], **fixed: Any
) -> Callable[..., Outcome]:
    return lambda orders, **arguments: service(orders, **fixed, **arguments)


SERVICES = {
    "place": Service(drafts_with_lines, place_orders, "order.placed"),
    "cancel": Service(
        open_with_lines,
        with_arguments(cancel_orders, reason="staff"),
        "order.cancelled",
    ),
    "close": Service(complete, close_orders, "order.closed"),
    "hold": Service(
        open_with_lines, with_arguments(hold_orders, reason="fraud?"), "order.held"
    ),
    "release": Service(on_hold, release_orders, "order.released"),
    "extend": Service(
        open_with_lines,
        with_arguments(extend_due_dates, until=LATER + timedelta(days=9)),
        "order.payment_due_changed",
    ),
    "update": Service(
        open_with_lines,
        with_arguments(update_orders, customer_name="Grace Hopper"),
        "order.updated",
    ),
    "update lines": Service(
        drafts_with_lines,
        with_arguments(update_orders, lines=[line(), line(), line()]),
        "order.updated",
    ),
    "note": Service(
        open_with_lines, with_arguments(add_note, note="rang"), "note.added"
    ),
    "set tags": Service(
        open_with_lines, with_arguments(set_tags, tags=["vip"]), "tag.changed"
    ),
    "add tags": Service(
        open_with_lines, with_arguments(add_tags, tags=["vip"]), "tag.changed"
    ),
    "exempt": Service(
        open_with_lines,
        with_arguments(set_automation_exempt, exempt=True),
        "order.updated",
    ),
    "ship": Service(packed, of_parcels(ship), "fulfillment.shipped"),
    "deliver": Service(sent, of_parcels(deliver), "fulfillment.delivered"),
    "unpack": Service(packed, of_parcels(cancel_fulfillment), "fulfillment.cancelled"),
}
OF_PARCELS = frozenset({"ship", "deliver", "unpack"})
IN_EVERY_STATE = frozenset({"note", "set tags", "add tags", "exempt"})


@pytest.fixture(autouse=True)
def _plenty() -> None:
    stock("MUG", on_hand=1000)
    stock("CUP", on_hand=1000)


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param]


def services(*, but: frozenset[str] = frozenset()) -> pytest.MarkDecorator:
    names = [name for name in SERVICES if name not in but]
    return pytest.mark.parametrize("service", names, indirect=True)


@services()
def test_change_is_one_version_and_one_event(service: Service) -> None:
    orders = service.prepare(3)
    before = {order.pk: order for order in Order.objects.all()}

    outcome = service.change(orders, by=CLERK, now=LATER)

    assert outcome.changed == ids(orders)
    assert not outcome.refused
    for order in outcome.orders:
        event = order.events.get(seq=order.event_seq)
        assert order.version == before[order.pk].version + 1
        assert order.event_seq == before[order.pk].event_seq + 1
        assert order.updated_at == event.occurred_at == LATER
        assert event.type == service.event
        assert (event.actor_kind, event.actor_id) == ("user", "7")
        assert (event.actor_label, event.origin) == ("ada", "admin")
        assert (event.run_id, event.request_id) == ("run-1", "req-1")


@services()
def test_events_of_an_order_count_up_without_a_gap(service: Service) -> None:
    (order,) = service.prepare(1)

    service.change([order])

    order.refresh_from_db()
    seqs = list(order.events.order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, order.event_seq + 1))


@services()
def test_time_is_the_database_s_where_none_is_given(service: Service) -> None:
    orders = service.prepare(1)
    earlier = datetime.now(UTC) - timedelta(minutes=1)

    outcome = service.change(orders)

    event = outcome.one().events.get(type=service.event, seq=outcome.one().event_seq)
    assert earlier < event.occurred_at < earlier + timedelta(minutes=2)


@services()
def test_statements_do_not_grow_with_the_set(service: Service) -> None:
    few, many = service.prepare(2), service.prepare(50)

    with CaptureQueriesContext(connection) as for_few:
        assert len(service.change(few, now=LATER).changed) == 2
    with CaptureQueriesContext(connection) as for_many:
        assert len(service.change(many, now=LATER).changed) == 50

    assert len(for_many) == len(for_few) <= 20


@services()
def test_orders_are_locked_before_anything_else_is_read(service: Service) -> None:
    orders = service.prepare(2)

    with CaptureQueriesContext(connection) as queries:
        service.change(orders, now=LATER)

    sent = [query["sql"] for query in queries]
    locking = next(sql for sql in sent if 'FROM "orders_order"' in sql)
    assert locking.endswith('ORDER BY 1 ASC FOR UPDATE OF "orders_order"')
    assert locking.startswith('SELECT "orders_order"."id" AS "pk"')
    assert "JOIN" not in locking
    assert locking.count("SELECT") == 1


@services(but=OF_PARCELS)
def test_unknown_order_is_told_and_its_neighbours_go_through(
    service: Service,
) -> None:
    unknown = uuid4()
    first, last = service.prepare(2)

    outcome = service.change([first.pk, unknown, last.pk])

    refusal = outcome.refused[unknown]
    assert outcome.changed == [first.pk, last.pk]
    assert isinstance(refusal, UnknownOrder)
    assert (refusal.code, refusal.status, refusal.allowed_actions) == (
        "unknown",
        "",
        (),
    )
    assert str(refusal) == f"There is no order {unknown}."


@services(but=IN_EVERY_STATE)
def test_refused_order_leaves_its_neighbours_alone(service: Service) -> None:
    first, refused, last = service.prepare(3)
    Order.objects.filter(pk=refused.pk).update(
        status="cancelled", cancel_reason="fraud", cancelled_at=LATER
    )
    refused.refresh_from_db()

    outcome = service.change([first, refused, last])

    refusal = outcome.refused[refused.pk]
    version = refused.version
    refused.refresh_from_db()
    assert outcome.changed == ids([first, last])
    assert (refusal.code, refusal.status) == ("status", "cancelled")
    assert refusal.allowed_actions == ()
    assert str(refusal).startswith(f"Order {refused} is not ")
    assert str(refusal).endswith("It is cancelled; allowed now: nothing.")
    assert refused.version == version


def test_only_order_of_a_set_is_handed_out_as_it_is_now() -> None:
    order = open_order()

    changed = hold_orders([order], reason="fraud?").one()

    assert changed == order
    assert (changed.hold_reason, changed.version) == ("fraud?", order.version + 1)


def test_only_order_of_a_set_that_is_refused_raises() -> None:
    order = open_order()

    with pytest.raises(Refusal, match=f"Order {order} is not held") as refused:
        release_orders([order]).one()

    assert refused.value.order_id == order.pk


def test_order_given_twice_is_changed_once() -> None:
    order = open_order()

    outcome = add_note([order, order.pk, order], note="rang")

    assert outcome.changed == [order.pk]
    assert outcome.one().version == order.version + 1


def test_no_orders_are_no_change() -> None:
    outcome = cancel_orders([], reason="staff")

    assert (outcome.changed, outcome.refused, outcome.orders) == ([], {}, [])


def test_outcome_keeps_the_callers_order() -> None:
    orders = sorted(open_orders(6), key=lambda order: order.pk, reverse=True)
    release_refused = orders[1::2]
    hold_orders(orders[::2], reason="fraud?")

    outcome = release_orders(orders)

    assert outcome.changed == ids(orders[::2])
    assert list(outcome.refused) == ids(release_refused)
    assert outcome.orders == orders[::2]


def test_refusals_take_two_statements_however_many() -> None:
    few, many = open_orders(2), open_orders(40)

    with CaptureQueriesContext(connection) as for_few:
        assert len(release_orders(few, now=LATER).refused) == 2
    with CaptureQueriesContext(connection) as for_many:
        assert len(release_orders(many, now=LATER).refused) == 40

    assert len(for_many) == len(for_few)
