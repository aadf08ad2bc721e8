"""Orders of a file in the desk's tables: every sum, date and event of the real one."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, F
from psycopg import sql
from pytest_django import DjangoAssertNumQueries

from orders import autoclose
from orders.models import (
    Actor,
    AutoCloseRun,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderLine,
    Origin,
    Payment,
)
from orders.services.closing import close_orders
from orders.services.payments import record_payment
from orders.services.remarks import add_note
from orders.services.timeline import table
from orders.transfer.errors import MOST_PROBLEMS, InvalidFile
from orders.transfer.imported import ImportedLine, ImportedOrder
from orders.transfer.loading import Imported, Provenance, load_orders
from orders.transfer.superstore import COMPARED, read_superstore
from tests.factories import line, open_order, pay, send, stock, types_of
from tests.orders.transfer.rows import SUPERSTORE, published_rows

pytestmark = pytest.mark.django_db

CENT = Decimal("0.01")
TABLES = (Order, OrderLine, Payment, Fulfillment, FulfillmentLine, OrderEvent)


def load(orders: Iterable[ImportedOrder], *, file_name: str = "orders.csv") -> Imported:
    by = Actor.system(Origin.IMPORT)
    return load_orders(orders, Provenance(file_name=file_name, by=by), COMPARED)


def imported(
    *,
    placed_on: date = date(2016, 11, 8),
    shipped_on: date = date(2016, 11, 11),
    **changes: Any,
) -> ImportedOrder:
    """Return an order of one line, with fields changed."""
    placed_at, shipped_at = (
        datetime(day.year, day.month, day.day, tzinfo=UTC)
        for day in (placed_on, shipped_on)
    )
    fields: dict[str, Any] = {
        "line_number": 2,
        "channel": "superstore",
        "external_reference": "A-1",
        "source": "import",
        "payment_mode": "offline",
        "currency": "USD",
        "customer_name": "Claire Gute",
        "customer_reference": "CG-12520",
        "shipping_address": {"city": "Henderson", "country": "US"},
        "lines": (imported_line(),),
        "created_at": placed_at,
        "placed_at": placed_at,
        "captured_total": sum(
            line.line_total for line in changes.get("lines", (imported_line(),))
        ),
        "captured_at": shipped_at,
        "shipped_at": shipped_at,
        "delivered_at": shipped_at,
        "completed_at": shipped_at,
        "updated_at": shipped_at,
    }
    return ImportedOrder(**fields | changes)


def imported_line(**changes: Any) -> ImportedLine:
    fields: dict[str, Any] = {
        "line_number": 2,
        "position": 1,
        "sku": "FUR-1",
        "name": "Bookcase",
        "quantity": 5,
        "unit_price": Decimal("348.21"),
        "discount_total": Decimal("783.47"),
        "qty_fulfilled": changes.get("quantity", 5),
    }
    return ImportedLine(**fields | changes)


def fingerprints() -> dict[str, list[tuple[Any, ...]]]:
    """Return where each row of each table lies: any write to a row moves it."""
    return {model.__name__: _places(table(model)) for model in TABLES}


def _places(name: sql.Identifier) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT ctid, xmin, id FROM {} ORDER BY ctid").format(name)
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def published_sums() -> dict[str, tuple[Decimal, int, int]]:
    """Return total, units and lines by Order ID, straight from the file."""
    sums: dict[str, list[Any]] = defaultdict(lambda: [Decimal(0), 0, 0])
    for published in published_rows():
        of_order = sums[published["Order ID"]]
        of_order[0] += Decimal(published["Sales"]).quantize(CENT, ROUND_HALF_UP)
        of_order[1] += int(published["Quantity"])
        of_order[2] += 1
    return {reference: (*of_order,) for reference, of_order in sums.items()}


def test_every_order_of_the_real_file_adds_up() -> None:
    result = load(read_superstore(SUPERSTORE))

    sums = {
        reference: (total, units, line_count)
        for reference, total, units, line_count in Order.objects.values_list(
            "external_reference", "grand_total", "qty_ordered", Count("lines")
        )
    }
    assert result == (3_985, 0, 7_936, {"USD": Decimal("1826495.56")})
    assert sums == published_sums()


def test_every_order_of_the_real_file_is_paid_and_delivered() -> None:
    load(read_superstore(SUPERSTORE))

    done = Order.objects.filter(
        status="open",
        payment_status="paid",
        fulfillment_status="fulfilled",
        captured_total=F("grand_total"),
        qty_fulfilled=F("qty_ordered"),
        payment_due_at=None,
        version=1,
    )
    paid = Payment.objects.filter(kind="capture", status="succeeded")
    assert done.count() == 3_985
    assert paid.count() == 3_985
    assert paid.filter(amount=F("order__grand_total")).count() == 3_985
    assert Fulfillment.objects.filter(status="delivered").count() == 3_985
    assert OrderLine.objects.filter(qty_fulfilled=F("quantity")).count() == 7_936
    assert FulfillmentLine.objects.filter(quantity=F("line__quantity")).count() == 7_936


def test_every_order_of_the_real_file_keeps_its_dates() -> None:
    load(read_superstore(SUPERSTORE))

    dates = {
        order.external_reference: (order.placed_at, order.completed_at)
        for order in Order.objects.filter(
            created_at=F("placed_at"),
            updated_at=F("completed_at"),
            payments__occurred_at=F("completed_at"),
            fulfillments__shipped_at=F("completed_at"),
            fulfillments__delivered_at=F("completed_at"),
        )
    }
    assert dates == {
        published["Order ID"]: (
            datetime.fromisoformat(published["Order Date"]).replace(tzinfo=UTC),
            datetime.fromisoformat(published["Ship Date"]).replace(tzinfo=UTC),
        )
        for published in published_rows()
    }


def test_every_order_of_the_real_file_has_its_events_in_order() -> None:
    load(read_superstore(SUPERSTORE), file_name="superstore.csv")

    seqs = defaultdict(list)
    for order_id, seq in OrderEvent.objects.order_by("pk").values_list(
        "order_id", "seq"
    ):
        seqs[order_id].append(seq)
    last = dict(Order.objects.values_list("pk", "event_seq"))
    first_line = {
        published["Order ID"]: number
        for number, published in reversed(list(enumerate(published_rows(), 2)))
    }
    told = set(
        OrderEvent.objects.filter(
            actor_kind="system", origin="import", data__import__file="superstore.csv"
        ).values_list("order__external_reference", "data__import__line")
    )
    assert seqs == {pk: list(range(1, seq + 1)) for pk, seq in last.items()}
    assert told == set(first_line.items())


@pytest.mark.django_db(transaction=True)
def test_a_second_import_writes_nothing() -> None:
    load(read_superstore(SUPERSTORE))
    before = fingerprints()

    result = load(read_superstore(SUPERSTORE), file_name="renamed.csv")

    assert result == (0, 3_985, 7_936, {"USD": Decimal("1826495.56")})
    assert fingerprints() == before


@pytest.mark.django_db(transaction=True)
def test_the_sweep_closes_every_imported_order_once() -> None:
    load(read_superstore(SUPERSTORE))

    unapproved, approved, again = sweep(), sweep(approve=True), sweep(approve=True)

    closed = OrderEvent.objects.filter(type="order.closed")
    assert (unapproved["state"], unapproved["changed"]) == ("needs_approval", 0)
    assert (approved["state"], approved["changed"]) == ("completed", 3_985)
    assert (again["state"], again["changed"]) == ("completed", 0)
    assert Order.objects.filter(status="closed").count() == 3_985
    assert closed.count() == closed.values("order").distinct().count() == 3_985


def sweep(**arguments: Any) -> dict[str, Any]:
    run = autoclose.start_run(
        by=Actor.system(Origin.COMMAND),
        trigger=AutoCloseRun.Trigger.MANUAL,
        **arguments,
    )
    return autoclose.execute(run)


def test_an_imported_order_is_what_the_services_would_have_made() -> None:
    placed, shipped = (
        datetime(2016, 11, 8, tzinfo=UTC),
        datetime(2016, 11, 11, tzinfo=UTC),
    )
    twin = open_order(
        now=placed,
        currency="USD",
        channel="twin",
        external_reference="A-1",
        source="import",
        payment_mode="offline",
        customer_email="",
        customer_name="Claire Gute",
        customer_reference="CG-12520",
        shipping_address={"city": "Henderson", "country": "US"},
        lines=[
            line(
                sku="FUR-1",
                name="Bookcase",
                quantity=5,
                unit_price=Decimal("348.21"),
                discount_total=Decimal("783.47"),
            )
        ],
    )
    pay(twin, now=shipped)
    send(twin, now=shipped)

    load([imported()])

    order = Order.objects.get(channel="superstore")
    own = {"id", "number", "channel", "version", "event_seq", "payment_due_at"}
    assert columns_of(order, own) == columns_of(Order.objects.get(pk=twin.pk), own)
    assert columns_of(order.lines.get(), {"id", "order_id"}) == columns_of(
        twin.lines.get(), {"id", "order_id"}
    )
    assert columns_of(order.payments.get(), {"id", "order_id"}) == columns_of(
        twin.payments.get(), {"id", "order_id"}
    )


def columns_of(instance: Any, but: set[str]) -> dict[str, Any]:
    names = {field.attname for field in instance._meta.concrete_fields} - but
    return {name: getattr(instance, name) for name in names}


def test_imported_events_say_what_those_of_the_services_say() -> None:
    twin = open_order(lines=[line(sku="FUR-1", quantity=5)])
    pay(twin)
    send(twin)

    load([imported()])

    order = Order.objects.get(channel="superstore")
    ours = {event.type: event.data for event in order.events.all()}
    theirs = {event.type: event.data for event in twin.events.all()}
    assert ours.keys() - theirs.keys() == {"fulfillment.delivered"}
    assert theirs.keys() - ours.keys() == {"fulfillment.created"}
    for event_type in ours.keys() & theirs.keys():
        theirs[event_type]["changes"].pop("payment_due_at", None)
        assert shape(ours[event_type]) == shape(theirs[event_type] | {"import": {}})
    assert ours["payment.succeeded"]["changes"] == {
        "payment_status": ["unpaid", "paid"],
        "captured_total": ["0.000", "957.580"],
    }
    assert ours["fulfillment.shipped"]["lines"] == [{"sku": "FUR-1", "quantity": 5}]


def shape(data: dict[str, Any]) -> dict[str, set[str]]:
    """Return the keys of an event's data, and of what its objects hold."""
    inner = data | {"import": None}
    return {
        key: set(value) if isinstance(value, dict) else set()
        for key, value in inner.items()
    }


def test_events_stand_at_the_dates_of_what_they_tell() -> None:
    load([imported()])

    events = OrderEvent.objects.order_by("seq").values_list("type", "occurred_at")
    assert [(kind, at.date().isoformat()) for kind, at in events] == [
        ("order.created", "2016-11-08"),
        ("order.placed", "2016-11-08"),
        ("payment.succeeded", "2016-11-11"),
        ("order.paid", "2016-11-11"),
        ("fulfillment.shipped", "2016-11-11"),
        ("fulfillment.delivered", "2016-11-11"),
    ]


def test_what_cost_nothing_is_complete_without_a_payment() -> None:
    free = imported_line(discount_total=Decimal("1741.05"))

    load([imported(lines=(free,), captured_at=None)])

    order = Order.objects.get()
    assert (order.payment_status, order.fulfillment_status) == (
        "not_required",
        "fulfilled",
    )
    assert order.completed_at == datetime(2016, 11, 11, tzinfo=UTC)
    assert not order.payments.exists()
    assert "payment.succeeded" not in types_of(order)
    assert order.event_seq == 4


def test_stock_is_left_alone() -> None:
    item = stock("FUR-1", on_hand=3)

    load([imported()])

    item.refresh_from_db()
    assert (item.on_hand, item.reserved) == (3, 0)
    assert OrderLine.objects.get().qty_reserved == 0


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("order date", {"placed_on": date(2016, 11, 9)}),
        ("ship date", {"shipped_on": date(2016, 11, 12)}),
        ("customer name", {"customer_name": "Darrin Van Huff"}),
        ("customer reference", {"customer_reference": "DV-13045"}),
        ("shipping address", {"shipping_address": {"city": "Los Angeles"}}),
        ("SKU", {"lines": (imported_line(sku="FUR-2"),)}),
        ("name", {"lines": (imported_line(name="Chair"),)}),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_an_order_that_differs_is_named_and_nothing_is_written(
    field: str, changes: dict[str, Any]
) -> None:
    load([imported()])
    number = Order.objects.get().number
    before = fingerprints()

    with pytest.raises(InvalidFile) as caught:
        load([imported(external_reference="B-2", line_number=2), imported(**changes)])

    (problem,) = caught.value.problems
    assert (problem.lines, problem.field) == ((2,), field)
    assert f"differs from order #{number}" in problem.sentence
    assert fingerprints() == before


@pytest.mark.django_db(transaction=True)
def test_amounts_and_lines_that_differ_are_told_by_their_lines() -> None:
    load([imported(lines=(imported_line(), imported_line(position=2, line_number=3)))])
    dearer = imported_line(
        line_number=7,
        quantity=6,
        unit_price=Decimal(400),
        discount_total=Decimal(0),
    )

    with pytest.raises(InvalidFile) as caught:
        load([imported(line_number=7, lines=(dearer,))])

    told = {(problem.lines, problem.field) for problem in caught.value.problems}
    assert told == {
        ((7,), field)
        for field in (
            "number of lines",
            "total",
            "quantity",
            "unit price",
            "discount",
            "line total",
        )
    }


@pytest.mark.django_db(transaction=True)
def test_at_most_fifty_differences_are_told() -> None:
    references = [f"A-{number}" for number in range(MOST_PROBLEMS + 1)]
    load([imported(external_reference=reference) for reference in references])

    with pytest.raises(InvalidFile) as caught:
        load(
            [
                imported(external_reference=reference, customer_name="Other")
                for reference in references
            ]
        )

    assert len(caught.value.problems) == MOST_PROBLEMS
    assert not caught.value.is_complete


@pytest.mark.django_db(transaction=True)
def test_what_happened_to_an_order_since_is_no_difference() -> None:
    load([imported()])
    order = Order.objects.get()
    add_note([order], note="Called about a scratch")
    record_payment(order, kind="refund", amount=Decimal(10))
    close_orders([order])

    assert load([imported()]) == (0, 1, 1, {"USD": Decimal("957.58")})


@pytest.mark.django_db(transaction=True)
def test_a_file_may_bring_new_orders_beside_known_ones() -> None:
    load([imported()])

    result = load([imported(), imported(external_reference="B-2")])

    assert result == (1, 1, 2, {"USD": Decimal("1915.16")})
    assert Order.objects.count() == 2
    assert Order.objects.get(external_reference="B-2").event_seq == 6


@pytest.mark.django_db(transaction=True)
def test_a_reference_of_another_channel_is_another_order() -> None:
    open_order(channel="shop", external_reference="A-1")

    assert load([imported()]).created == 1


def test_a_file_without_orders_imports_nothing() -> None:
    assert load([]) == (0, 0, 0, {})


@pytest.mark.django_db(transaction=True)
def test_an_interruption_leaves_the_database_as_it_was() -> None:
    load([imported()])
    before = fingerprints()

    def interrupted() -> Iterator[ImportedOrder]:
        yield imported(external_reference="B-2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(interrupted())

    assert fingerprints() == before
    assert load([imported(external_reference="C-3")]).created == 1


def test_the_number_of_statements_does_not_grow_with_the_file(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    many = [imported(external_reference=f"A-{number}") for number in range(100)]

    with django_assert_num_queries(19):
        load(many)


def test_a_file_is_not_held_in_memory() -> None:
    def many() -> Iterator[ImportedOrder]:
        for number in range(200):
            lines = (
                imported_line(
                    position=position, name=f"{number} {position} ".ljust(255)
                )
                for position in range(1, 101)
            )
            yield imported(external_reference=f"A-{number}", lines=tuple(lines))

    tracemalloc.start()
    try:
        load(many())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # The names alone are 5 MB.
    assert OrderLine.objects.count() == 20_000
    assert peak < 1_000_000
