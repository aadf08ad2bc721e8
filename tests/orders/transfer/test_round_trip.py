"""An export, brought into an empty database, makes equal orders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.models import (
    Actor,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderLine,
    Origin,
    Payment,
)
from orders.money import exponent
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.drafting import LineDraft, OrderDraft, create_orders
from orders.services.fulfillment import create_fulfillment, deliver, ship
from orders.services.holds import hold_orders
from orders.services.payments import record_payment
from orders.services.placement import place_orders
from orders.services.remarks import add_note
from orders.transfer.errors import InvalidFile
from orders.transfer.loading import Provenance, load_orders
from orders.transfer.superstore import COMPARED, read_superstore
from tests.factories import (
    completed_order,
    draft_order,
    line,
    open_order,
    pay,
    stock,
    types_of,
)
from tests.orders.transfer.exports import empty_tables, export, load, snapshot
from tests.orders.transfer.rows import SUPERSTORE

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2025, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)

FORMULAS = st.sampled_from(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "'"])
SIGNS = st.characters(codec="utf-8", exclude_characters="\0")


def texts(longest: int) -> st.SearchStrategy[str]:
    """Any text, often one that a spreadsheet or a reader of CSV would trip over."""
    wild = st.text(st.sampled_from(",\"\n\r\t';=\\é日 "), max_size=12)
    return FORMULAS | wild | st.text(SIGNS, max_size=min(longest, 20))


def names(longest: int) -> st.SearchStrategy[str]:
    return texts(longest).filter(str.strip)


def amounts(currency: str, most: int = 10_000) -> st.SearchStrategy[Decimal]:
    places = exponent(currency)
    return st.integers(0, most).map(lambda units: Decimal(units).scaleb(-places))


@st.composite
def line_drafts(draw: st.DrawFn, currency: str) -> LineDraft:
    quantity = draw(st.integers(1, 5))
    price = draw(amounts(currency))
    gross = int((quantity * price).scaleb(exponent(currency)))
    return LineDraft(
        sku=draw(names(64)),
        name=draw(names(255)),
        quantity=quantity,
        unit_price=price,
        discount_total=draw(amounts(currency, gross)),
        tax_total=draw(amounts(currency)),
        requires_shipping=draw(st.booleans()),
    )


ADDRESSES = st.fixed_dictionaries(
    {},
    optional={
        "name": texts(200),
        "line1": texts(200),
        "postal_code": texts(200),
        "country": st.just("DE"),
    },
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts(40),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(texts(20), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def order_drafts(draw: st.DrawFn) -> OrderDraft:
    currency = draw(st.sampled_from(["JPY", "EUR", "KWD"]))
    return OrderDraft(
        currency=currency,
        channel=draw(st.just("") | texts(64)),
        external_reference=draw(st.just("") | texts(128)),
        source=draw(st.sampled_from(Order.Source.values)),
        payment_mode=draw(st.sampled_from(Order.PaymentMode.values)),
        order_tax=draw(amounts(currency)),
        shipping_total=draw(amounts(currency)),
        customer_email=draw(st.sampled_from(["", "+ada@example.org"])),
        customer_name=draw(texts(200)),
        customer_reference=draw(texts(128)),
        billing_address=draw(ADDRESSES),
        shipping_address=draw(ADDRESSES),
        payment_due_at=draw(st.none() | st.datetimes(timezones=st.just(UTC))),
        automation_exempt=draw(st.booleans()),
        tags=draw(st.lists(names(64), max_size=3)),
        metadata=draw(st.dictionaries(texts(20), JSON, max_size=3)),
        lines=draw(st.lists(line_drafts(currency), min_size=1, max_size=3)),
    )


def place(order: Order) -> None:
    place_orders([order], now=NOW).one()


def authorize(order: Order) -> None:
    place(order)
    record(order, "authorization", order.grand_total, NOW)


def pay_in_part(order: Order) -> None:
    authorize(order)
    record(order, "capture", smallest(order), NOW)


def pay_whole(order: Order) -> None:
    place(order)
    record(order, "capture", smallest(order), NOW - DAY)
    record(order, "capture", order.grand_total, NOW)


def refund(order: Order) -> None:
    pay_whole(order)
    record(order, "refund", smallest(order), NOW + DAY)


def charge_back(order: Order) -> None:
    pay_whole(order)
    record(order, "chargeback", order.grand_total, NOW + DAY)
    record(order, "chargeback_reversed", smallest(order), NOW + 2 * DAY)


def refund_too_much(order: Order) -> None:
    place(order)
    record(order, "refund", smallest(order), NOW)


def ship_in_part(order: Order) -> None:
    pay_whole(order)
    for first in order.lines.filter(requires_shipping=True)[:1]:
        parcel = create_fulfillment(order, quantities={first.pk: 1}, now=NOW)
        ship([parcel], now=NOW + DAY).one()


def complete(order: Order) -> None:
    ship_in_part(order)
    left = order.lines.filter(requires_shipping=True, quantity__gt=F("qty_fulfilled"))
    if left.exists():
        ship([create_fulfillment(order, now=NOW)], now=NOW + 2 * DAY).one()


def receive(order: Order) -> None:
    complete(order)
    for parcel in order.fulfillments.all():
        deliver([parcel], now=NOW + 3 * DAY).one()


def close(order: Order) -> None:
    receive(order)
    close_orders([order], now=NOW + 4 * DAY).one()


def cancel(order: Order) -> None:
    place(order)
    cancel_orders([order], reason="fraud", now=NOW + DAY).one()


def cancel_draft(order: Order) -> None:
    cancel_orders([order], reason="staff", now=NOW).one()


def hold(order: Order) -> None:
    place(order)
    hold_orders([order], reason="=check", until=NOW + DAY, now=NOW).one()


def leave(_order: Order) -> None:
    """Leave it a draft."""


def record(order: Order, kind: str, amount: Decimal, at: datetime) -> None:
    if amount:
        record_payment(order, kind=kind, amount=amount, occurred_at=at, now=at)


def smallest(order: Order) -> Decimal:
    return Decimal(1).scaleb(-exponent(order.currency))


LIVES: list[Callable[[Order], None]] = [
    leave,
    place,
    authorize,
    pay_in_part,
    pay_whole,
    refund,
    refund_too_much,
    charge_back,
    ship_in_part,
    complete,
    receive,
    close,
    cancel,
    cancel_draft,
    hold,
]


@settings(deadline=None, max_examples=40)
@given(
    drafts=st.lists(
        order_drafts(),
        min_size=1,
        max_size=4,
        unique_by=lambda draft: (draft.channel, draft.external_reference or object()),
    ),
    data=st.data(),
)
def test_orders_come_back_as_they_were(
    drafts: list[OrderDraft],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    empty_tables()
    path = tmp_path_factory.mktemp("export") / "orders.csv"
    for order in create_orders(drafts, now=NOW):
        data.draw(st.sampled_from(LIVES))(order)
    before = snapshot()

    exported = export(path)
    empty_tables()
    brought = load(path)

    assert brought[:2] == (len(drafts), 0)
    assert (exported.lines, exported.totals) == brought[2:]
    assert snapshot() == before
    assert load(path)[:2] == (0, len(drafts))


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_an_order_of_every_state_comes_back(
    life: Callable[[Order], None], tmp_path: Path
) -> None:
    order = draft_order(
        lines=[line(quantity=3), line(requires_shipping=False)], now=NOW
    )
    life(order)
    before = snapshot()

    there_and_back(tmp_path)

    assert snapshot() == before


def there_and_back(tmp_path: Path) -> None:
    export(tmp_path / "orders.csv")
    empty_tables()
    load(tmp_path / "orders.csv")


def test_a_return_comes_back(tmp_path: Path) -> None:
    order = completed_order(now=NOW, lines=[line(quantity=3)])
    bring_back(order, 2, NOW + DAY)
    before = snapshot()

    there_and_back(tmp_path)

    order = Order.objects.get()
    assert snapshot() == before
    assert order.fulfillment_status == "partially_returned"
    assert FulfillmentLine.objects.get(fulfillment__direction="in").quantity == 2
    assert types_of(order)[-1] == "return.received"


def bring_back(order: Order, units: int, at: datetime) -> None:
    """Write what a return leaves behind."""
    parcel = Fulfillment.objects.create(
        order=order, direction="in", status="received", created_at=at, received_at=at
    )
    only = order.lines.get()
    FulfillmentLine.objects.create(fulfillment=parcel, line=only, quantity=units)
    OrderLine.objects.filter(pk=only.pk).update(qty_returned=units)
    Order.objects.filter(pk=order.pk).update(qty_returned=units)


def test_an_order_without_lines_comes_back(tmp_path: Path) -> None:
    draft_order(lines=[], now=NOW)
    before = snapshot()

    there_and_back(tmp_path)

    assert snapshot() == before
    assert not OrderLine.objects.exists()


def test_the_superstore_comes_back(tmp_path: Path) -> None:
    provenance = Provenance(file_name="real.csv", by=Actor.system(Origin.IMPORT))
    load_orders(read_superstore(SUPERSTORE), provenance, COMPARED)
    before = snapshot()

    there_and_back(tmp_path)

    after = snapshot()
    assert len(after) == 3_985
    assert after == before


def test_the_whole_life_stands_on_the_timeline(tmp_path: Path) -> None:
    order = draft_order(lines=[line(quantity=2)], now=NOW)
    close(order)

    there_and_back(tmp_path)

    order = Order.objects.get()
    assert types_of(order) == [
        "order.created",
        "order.placed",
        "payment.succeeded",
        "order.paid",
        "fulfillment.shipped",
        "fulfillment.delivered",
        "order.closed",
    ]
    closed = order.events.get(type="order.closed")
    assert closed.occurred_at == NOW + 4 * DAY
    assert closed.data["changes"]["status"] == ["open", "closed"]
    assert order.event_seq == 7
    assert order.payments.get().amount == order.captured_total


def test_stock_is_neither_reserved_nor_taken(tmp_path: Path) -> None:
    stock("MUG", on_hand=5)
    open_order(lines=[line(sku="MUG", quantity=3)])
    export(tmp_path / "orders.csv")
    empty_tables()
    item = stock("MUG", on_hand=5)

    load(tmp_path / "orders.csv")

    item.refresh_from_db()
    assert (item.on_hand, item.reserved) == (5, 0)
    assert OrderLine.objects.get().qty_reserved == 0


def test_an_export_is_unchanged_where_it_comes_from(tmp_path: Path) -> None:
    for life in LIVES:
        life(draft_order(lines=[line(quantity=2)], now=NOW))
    export(tmp_path / "orders.csv")
    before = snapshot()

    result = load(tmp_path / "orders.csv")

    assert result[:2] == (0, len(LIVES))
    assert snapshot() == before


def test_a_number_of_another_database_names_no_order_here(tmp_path: Path) -> None:
    open_order(now=NOW)
    export(tmp_path / "orders.csv")
    empty_tables()
    other = open_order(now=NOW + DAY)
    number = int(reference_in(tmp_path / "orders.csv").removeprefix("#"))
    Order.objects.filter(pk=other.pk).update(number=number)

    assert load(tmp_path / "orders.csv").created == 1


def reference_in(path: Path) -> str:
    return path.read_text().splitlines()[1].split(",")[1]


def test_a_note_is_no_difference(tmp_path: Path) -> None:
    order = open_order()
    export(tmp_path / "orders.csv")
    add_note([order], note="Called about a scratch")

    assert load(tmp_path / "orders.csv")[:2] == (0, 1)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda order: pay(order), {"captured_total", "captured_at"}),
        (
            lambda order: cancel_orders([order], reason="staff"),
            {"status", "cancel_reason", "cancelled_at"},
        ),
        (lambda order: hold_orders([order], reason="Fraud?"), {"hold_reason"}),
        (
            lambda order: order.lines.update(name="Other", requires_shipping=False),
            {"name", "requires_shipping"},
        ),
        (lambda order: order.lines.update(position=2), {"position"}),
    ],
)
def test_what_happened_since_is_a_difference(
    change: Callable[[Order], Any], fields: set[str], tmp_path: Path
) -> None:
    order = open_order()
    export(tmp_path / "orders.csv")
    change(order)

    with pytest.raises(InvalidFile) as caught:
        load(tmp_path / "orders.csv")

    assert {problem.field for problem in caught.value.problems} == fields
    assert {problem.lines for problem in caught.value.problems} == {(2,)}
    assert f"differs from order {order}" in str(caught.value)


def test_one_payment_of_each_kind_is_written(tmp_path: Path) -> None:
    order = draft_order(lines=[line(quantity=2)], now=NOW)
    refund(order)

    there_and_back(tmp_path)

    rows = Payment.objects.order_by("kind").values_list("kind", "amount", "occurred_at")
    assert list(rows) == [
        ("capture", Decimal("20.01"), NOW),
        ("refund", Decimal("0.01"), NOW + DAY),
    ]
