"""What the database refuses whoever asks, by the constraint's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F
from psycopg.errors import Diagnostic

from orders.models import (
    AutoCloseRun,
    ClosePolicy,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    StockItem,
)
from orders.services.fulfillment import create_fulfillment
from tests.factories import draft_order, open_order, pay, send, stock

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def constraint_of(error: IntegrityError) -> str | None:
    diagnostic = getattr(error.__cause__, "diag", None)
    assert isinstance(diagnostic, Diagnostic)
    return diagnostic.constraint_name


def refused_by(rows: models.QuerySet[Any], **changes: object) -> str | None:
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        rows.update(**changes)
    return constraint_of(refused.value)


@contextmanager
def stands() -> Iterator[None]:
    """Expect the trigger that keeps rows as they were written."""
    with (
        pytest.raises(IntegrityError, match="refused: its rows stand"),
        transaction.atomic(),
    ):
        yield


def inserting_is_refused_by(row: models.Model) -> str | None:
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        type(row)._default_manager.bulk_create([row])
    return constraint_of(refused.value)


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("status_known", {"status": "lost"}),
        ("cancelled_with_reason", {"status": "cancelled", "cancelled_at": NOW}),
        ("cancelled_with_reason", {"status": "cancelled", "cancel_reason": "fraud"}),
        ("cancelled_with_reason", {"cancelled_at": NOW}),
        ("cancelled_with_reason", {"cancel_reason": "fraud"}),
        ("closed_with_reason", {"status": "closed", "closed_at": NOW}),
        ("closed_with_reason", {"status": "closed", "close_reason": "other"}),
        ("closed_with_reason", {"closed_at": NOW}),
        ("closed_with_reason", {"close_reason": "other"}),
        ("open_is_placed", {"placed_at": None}),
        ("draft_is_not_placed", {"status": "draft"}),
        ("sums_agree", {"subtotal": F("subtotal") + 1}),
        ("sums_agree", {"shipping_total": 1}),
        ("sums_agree", {"grand_total": F("grand_total") + 1}),
        (
            "amounts_not_negative",
            {"grand_total": -10, "subtotal": -10},
        ),
        (
            "amounts_not_negative",
            {"shipping_total": -1, "grand_total": F("grand_total") - 1},
        ),
        ("amounts_not_negative", {"order_discount": 1}),
        ("amounts_not_negative", {"order_discount": -1}),
        ("amounts_not_negative", {"order_tax": 1}),
        ("amounts_not_negative", {"order_tax": -1}),
        ("amounts_not_negative", {"captured_total": -1}),
        ("amounts_not_negative", {"refunded_total": -1}),
        ("amounts_not_negative", {"charged_back_total": -1}),
        ("amounts_not_negative", {"authorized_total": -1}),
        ("refunds_within_captures", {"refunded_total": 1}),
        ("quantities_agree", {"qty_fulfilled": 1, "qty_cancelled": 1}),
        ("quantities_agree", {"qty_returned": 1}),
        ("pending_since", {"payments_pending": 1}),
        ("pending_since", {"payments_pending_since": NOW}),
        ("hold_has_reason", {"hold_until": NOW}),
        ("currency_code", {"currency": "eur"}),
        ("metadata_size", {"metadata": {"blob": "x" * 16 * 1024}}),
        ("tags_count", {"tags": [str(number) for number in range(51)]}),
    ],
)
def test_order_is_refused(constraint: str, changes: dict[str, Any]) -> None:
    order = open_order()

    refused = refused_by(Order.objects.filter(pk=order.pk), **changes)

    assert refused == f"orders_order_{constraint}"


@pytest.mark.parametrize(
    "column",
    [
        "payments_pending",
        "returns_open",
        "qty_ordered",
        "qty_fulfilled",
        "qty_returned",
        "qty_cancelled",
        "version",
        "event_seq",
    ],
)
def test_counts_of_an_order_are_not_negative(column: str) -> None:
    order = draft_order()

    refused = refused_by(Order.objects.filter(pk=order.pk), **{column: -1})

    assert refused == f"orders_order_{column}_check"


def test_refunds_beyond_captures_stand_where_staff_are_told() -> None:
    order = open_order()

    Order.objects.filter(pk=order.pk).update(
        refunded_total=1, attention=["over_refunded"]
    )

    order.refresh_from_db()
    assert order.refunded_total == 1


def test_reference_names_one_order_of_its_channel() -> None:
    draft_order(channel="shop", external_reference="A-1")
    other = draft_order(channel="feed", external_reference="A-1")

    refused = refused_by(Order.objects.filter(pk=other.pk), channel="shop")

    assert refused == "orders_order_reference_once"


def test_orders_without_a_reference_share_their_channel() -> None:
    draft_order(channel="shop")
    draft_order(channel="shop")

    assert Order.objects.filter(channel="shop", external_reference="").count() == 2


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("quantity_positive", {"quantity": 0, "line_total": 0}),
        ("amounts_not_negative", {"unit_price": -10, "line_total": -10}),
        ("amounts_not_negative", {"discount_total": -1, "line_total": 11}),
        ("amounts_not_negative", {"tax_total": -1, "line_total": 9}),
        ("amounts_not_negative", {"discount_total": 11, "line_total": -1}),
        ("sums_agree", {"line_total": 11}),
        ("sums_agree", {"quantity": 2}),
        ("quantities_agree", {"qty_fulfilled": 1, "qty_cancelled": 1}),
        ("quantities_agree", {"qty_fulfilled": 1, "qty_reserved": 1}),
        ("quantities_agree", {"qty_returned": 1}),
    ],
)
def test_line_is_refused(constraint: str, changes: dict[str, Any]) -> None:
    order = draft_order()

    refused = refused_by(OrderLine.objects.filter(order=order), **changes)

    assert refused == f"orders_orderline_{constraint}"


def test_position_is_one_line_s() -> None:
    order = draft_order()
    line = OrderLine(
        order=order, position=1, sku="A", name="A", quantity=1, unit_price=1
    )
    line.line_total = Decimal(1)

    assert inserting_is_refused_by(line) == "orders_orderline_position_once"


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("amount_positive", {"amount": 0}),
        ("status_known", {"status": "lost"}),
        ("kind_known", {"kind": "gift"}),
    ],
)
def test_payment_is_refused(constraint: str, changes: dict[str, Any]) -> None:
    payment = Payment(
        order=open_order(),
        kind=Payment.Kind.CAPTURE,
        status=Payment.Status.PENDING,
        amount=Decimal(1),
        currency="EUR",
        occurred_at=NOW,
        created_at=NOW,
        actor_kind="system",
    )
    for name, value in changes.items():
        setattr(payment, name, value)

    assert inserting_is_refused_by(payment) == f"orders_payment_{constraint}"


def test_reference_names_one_movement_of_its_kind() -> None:
    order = open_order()
    paid = pay(order, provider="psp", provider_reference="ch_1")
    pay(order, provider="psp", provider_reference="ch_1", kind=Payment.Kind.REFUND)
    again = Payment.objects.get(pk=paid.pk)
    again.pk = Payment().pk

    assert inserting_is_refused_by(again) == "orders_payment_reference_once"


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("status_fits_direction", {"status": "received"}),
        ("status_fits_direction", {"direction": "in"}),
        ("shipped_at", {"status": "shipped"}),
        ("shipped_at", {"status": "delivered", "delivered_at": NOW}),
        ("delivered_at", {"status": "delivered", "shipped_at": NOW}),
        ("tracking_url_is_web", {"tracking_url": "javascript:alert(1)"}),
    ],
)
def test_fulfillment_is_refused(constraint: str, changes: dict[str, Any]) -> None:
    create_fulfillment(open_order())

    refused = refused_by(Fulfillment.objects.all(), **changes)

    assert refused == f"orders_fulfillment_{constraint}"


def test_parcel_of_no_units_is_refused() -> None:
    create_fulfillment(open_order())

    refused = refused_by(FulfillmentLine.objects.all(), quantity=0)

    assert refused == "orders_fulfillmentline_quantity_positive"


def test_line_is_in_a_parcel_once() -> None:
    create_fulfillment(open_order())
    packed = FulfillmentLine.objects.get()
    packed.pk = None

    assert inserting_is_refused_by(packed) == "orders_fulfillmentline_line_once"


@pytest.mark.parametrize("column", ["on_hand", "reserved"])
def test_stock_is_not_negative(column: str) -> None:
    stock("MUG", on_hand=1)

    refused = refused_by(StockItem.objects.all(), **{column: -1})

    assert refused == f"orders_stockitem_{column}_check"


def test_sku_has_one_row_of_stock() -> None:
    stock("MUG", on_hand=1)

    again = StockItem(sku="MUG")

    assert inserting_is_refused_by(again) == "orders_stockitem_sku_key"


def test_event_takes_a_seq_of_its_own() -> None:
    event = draft_order().events.get()
    event.pk = None

    assert inserting_is_refused_by(event) == "orders_orderevent_seq_once"


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("kind_known", {"kind": "lost"}),
        ("durations_not_negative", {"after": timedelta(seconds=-1)}),
        ("durations_not_negative", {"grace": timedelta(seconds=-1)}),
        ("durations_not_negative", {"pending_wait": timedelta(seconds=-1)}),
        ("durations_within_a_century", {"after": timedelta(days=36501)}),
        ("durations_within_a_century", {"grace": timedelta(days=36501)}),
        ("durations_within_a_century", {"pending_wait": timedelta(days=36501)}),
    ],
)
def test_policy_is_refused(constraint: str, changes: dict[str, Any]) -> None:
    drafts = ClosePolicy.objects.filter(kind=ClosePolicy.Kind.DRAFT)

    refused = refused_by(drafts, **changes)

    assert refused == f"orders_closepolicy_{constraint}"


def test_one_policy_decides_on_one_match() -> None:
    policy = ClosePolicy.objects.get(kind=ClosePolicy.Kind.DRAFT)
    policy.pk = None

    assert inserting_is_refused_by(policy) == "orders_closepolicy_match_once"


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("approved_by_someone", {"approved_by": "ada"}),
        ("approved_by_someone", {"approved_at": NOW}),
        ("stopped_is_partial", {"stopped_by": "time"}),
    ],
)
def test_run_is_refused(constraint: str, changes: dict[str, Any]) -> None:
    run = AutoCloseRun(
        trigger=AutoCloseRun.Trigger.MANUAL, kinds=["draft"], cutoff=NOW, created_at=NOW
    )
    for name, value in changes.items():
        setattr(run, name, value)

    assert inserting_is_refused_by(run) == f"orders_autocloserun_{constraint}"


@pytest.mark.parametrize("how", ["update", "save", "delete", "raw delete"])
def test_event_stands_as_written(how: str) -> None:
    order = draft_order()
    event = order.events.get()
    event.note = "rewritten"
    attempts: dict[str, Callable[[], object]] = {
        "update": lambda: OrderEvent.objects.update(note="rewritten"),
        "save": event.save,
        "delete": event.delete,
        "raw delete": lambda: run_sql("DELETE FROM orders_orderevent"),
    }

    with stands():
        attempts[how]()

    assert order.events.get().note == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"status": "pending"},
        {"amount": 1},
        {"provider_reference": "other"},
    ],
)
def test_settled_payment_stands(changes: dict[str, Any]) -> None:
    payment = pay(open_order())

    with stands():
        Payment.objects.update(**changes)

    assert Payment.objects.get().status == payment.status == "succeeded"


def test_pending_payment_changes_its_status_alone() -> None:
    pay(open_order(), status=Payment.Status.PENDING)

    with stands():
        Payment.objects.update(status="succeeded", amount=1)
    Payment.objects.update(status="failed")

    assert Payment.objects.get().status == "failed"


@pytest.mark.parametrize("status", ["pending", "succeeded"])
def test_payment_is_never_deleted(status: str) -> None:
    pay(open_order(), status=status)

    with stands():
        run_sql("DELETE FROM orders_payment")

    assert Payment.objects.count() == 1


def test_order_with_a_history_is_not_deleted() -> None:
    order = send(open_order())

    with pytest.raises(models.ProtectedError):
        order.delete()


def run_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
