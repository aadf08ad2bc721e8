"""The ledger: facts in every state, summed up on the order's row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.exceptions import InvalidInput, PaymentConflict, UnknownOrder
from orders.models import Actor, Order, OrderEvent, Origin, Payment
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.payments import record_payment, settle_payment
from tests.factories import (
    completed_order,
    draft_order,
    line,
    open_order,
    pay,
    send,
    types_of,
)

pytestmark = pytest.mark.django_db

Kind = Payment.Kind
Status = Payment.Status
NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


def sums(order: Order) -> tuple[Any, ...]:
    order.refresh_from_db()
    return (
        order.authorized_total,
        order.captured_total,
        order.refunded_total,
        order.charged_back_total,
    )


def test_capture_pays_the_order_and_says_so() -> None:
    order = open_order(now=NOW)
    by = Actor(kind=Actor.Kind.API_CLIENT, origin=Origin.API, id="3", label="psp")

    payment = record_payment(
        order, kind=Kind.CAPTURE, amount=Decimal(10), provider="psp", by=by, now=NOW
    )

    order.refresh_from_db()
    event = order.events.get(type="payment.succeeded")
    assert (order.payment_status, order.captured_total) == ("paid", Decimal(10))
    assert (order.version, order.event_seq) == (3, 4)
    assert types_of(order)[2:] == ["payment.succeeded", "order.paid"]
    assert event.data["payment"] == {
        "id": str(payment.pk),
        "kind": "capture",
        "status": "succeeded",
        "amount": "10.00",
        "currency": "EUR",
        "provider": "psp",
    }
    assert event.data["changes"]["payment_status"] == ["unpaid", "paid"]
    assert event.data["changes"]["captured_total"] == ["0.000", "10.000"]
    assert payment.occurred_at == payment.created_at == event.occurred_at == NOW
    assert (payment.actor_kind, payment.actor_id) == ("api_client", "3")
    assert (payment.actor_label, event.actor_label) == ("psp", "psp")


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ([("authorization", 10)], (10, 0, 0, 0)),
        ([("authorization", 10), ("void", 10)], (0, 0, 0, 0)),
        ([("authorization", 10), ("void", 4)], (6, 0, 0, 0)),
        ([("void", 4)], (0, 0, 0, 0)),
        ([("capture", 4), ("capture", 6)], (0, 10, 0, 0)),
        ([("authorization", 10), ("capture", 10)], (10, 10, 0, 0)),
        ([("capture", 10), ("refund", 3), ("refund", 2)], (0, 10, 5, 0)),
        ([("capture", 10), ("chargeback", 10)], (0, 10, 0, 10)),
        (
            [("capture", 10), ("chargeback", 10), ("chargeback_reversed", 4)],
            (0, 10, 0, 6),
        ),
        ([("chargeback_reversed", 4)], (0, 0, 0, 0)),
    ],
)
def test_sums_are_those_of_what_succeeded(
    reported: list[tuple[str, int]], expected: tuple[int, ...]
) -> None:
    order = open_order()

    for kind, amount in reported:
        pay(order, kind=kind, amount=Decimal(amount))

    assert sums(order) == tuple(map(Decimal, expected))


def test_capture_draws_on_the_authorization_that_it_names() -> None:
    order = open_order()
    held = pay(order, kind=Kind.AUTHORIZATION)

    pay(order, amount=Decimal(4), parent=held)

    assert sums(order) == (6, 4, 0, 0)


def test_capture_beyond_its_authorization_leaves_nothing_authorized() -> None:
    order = open_order()
    held = pay(order, kind=Kind.AUTHORIZATION)

    pay(order, amount=Decimal(12), parent=held)

    assert sums(order) == (0, 12, 0, 0)
    assert order.payment_status == "overpaid"


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED])
def test_what_has_not_succeeded_counts_for_nothing(status: str) -> None:
    order = open_order()

    for kind in Kind.values:
        pay(order, kind=kind, status=status)

    assert sums(order) == (0, 0, 0, 0)
    assert "order.paid" not in types_of(order)


def test_refund_beyond_what_was_captured_is_recorded_and_shown_to_staff() -> None:
    order = open_order()
    pay(order)

    pay(order, kind=Kind.REFUND, amount=Decimal(11))
    pay(order, kind=Kind.REFUND, amount=Decimal(1))

    assert sums(order) == (0, 10, 12, 0)
    assert order.attention == ["over_refunded"]
    assert order.payment_status == "refunded"


def test_paid_is_said_once_and_again_only_when_it_becomes_so_anew() -> None:
    order = open_order(lines=[line(quantity=2)])

    pay(order, amount=Decimal(5))
    pay(order, amount=Decimal(15))
    pay(order, amount=Decimal(1))

    assert types_of(order)[2:] == [
        "payment.succeeded",
        "payment.succeeded",
        "order.paid",
        "payment.succeeded",
    ]


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (Status.PENDING, "payment.recorded"),
        (Status.SUCCEEDED, "payment.succeeded"),
        (Status.FAILED, "payment.failed"),
    ],
)
def test_event_is_named_for_what_was_reported(status: str, event: str) -> None:
    order = open_order()

    pay(order, status=status, kind=Kind.REFUND, note="by phone")

    assert types_of(order)[-1] == event
    assert order.events.get(type=event).note == "by phone"


def pending(order: Order) -> tuple[int, datetime | None]:
    order.refresh_from_db()
    return order.payments_pending, order.payments_pending_since


def test_pending_payments_are_counted_since_the_first() -> None:
    later = NOW + timedelta(hours=1)
    order = open_order(now=NOW)

    first = pay(order, status=Status.PENDING, now=NOW)
    second = pay(order, status=Status.PENDING, now=later)
    both = pending(order)
    settle_payment(first, status=Status.FAILED)
    one = pending(order)
    settle_payment(second, status=Status.SUCCEEDED)

    assert both == (2, NOW)
    assert one == (1, later)
    assert pending(order) == (0, None)
    assert order.payment_status == "paid"


def test_settled_payment_is_one_version_and_tells_who_paid() -> None:
    order = open_order()
    payment = pay(order, status=Status.PENDING)

    settled = settle_payment(payment, status=Status.SUCCEEDED, now=NOW)

    order.refresh_from_db()
    assert settled.status == Status.SUCCEEDED
    assert (order.version, order.event_seq, order.updated_at) == (4, 5, NOW)
    assert types_of(order)[2:] == [
        "payment.recorded",
        "payment.succeeded",
        "order.paid",
    ]


def test_settling_again_changes_nothing() -> None:
    order = open_order()
    payment = settle_payment(pay(order, status=Status.PENDING), status=Status.FAILED)
    order.refresh_from_db()
    version = order.version

    again = settle_payment(payment, status=Status.FAILED)

    order.refresh_from_db()
    assert again == payment
    assert order.version == version


def test_settling_otherwise_is_a_conflict_that_names_the_row() -> None:
    payment = settle_payment(
        pay(open_order(), status=Status.PENDING), status=Status.FAILED
    )

    with pytest.raises(PaymentConflict, match="has failed already") as conflict:
        settle_payment(payment, status=Status.SUCCEEDED)

    assert conflict.value.payment_id == payment.pk
    assert Payment.objects.get().status == Status.FAILED


@pytest.mark.parametrize("status", ["pending", "refunded", ""])
def test_payment_is_settled_as_succeeded_or_failed_alone(status: str) -> None:
    payment = pay(open_order(), status=Status.PENDING)

    with pytest.raises(InvalidInput) as refused:
        settle_payment(payment, status=status)

    assert refused.value.field == "status"


REPORT: dict[str, Any] = {"provider": "psp", "provider_reference": "ch_1"}


def test_same_report_again_is_the_row_that_is_there() -> None:
    order = open_order()
    first = pay(order, **REPORT)
    order.refresh_from_db()
    version = order.version

    again = pay(order, occurred_at=NOW - timedelta(days=9999), **REPORT)

    order.refresh_from_db()
    assert again == first
    assert order.version == version
    assert order.captured_total == Decimal(10)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("change", ["amount", "order", "parent"])
def test_same_reference_for_something_else_is_a_conflict_that_names_it(
    change: str,
) -> None:
    order = open_order()
    parent = pay(order, kind=Kind.AUTHORIZATION)
    first = pay(order, **REPORT)
    changes: dict[str, dict[str, Any]] = {
        "amount": {"amount": Decimal(9)},
        "parent": {"parent": parent},
        "order": {},
    }
    target = open_order() if change == "order" else order

    with pytest.raises(PaymentConflict, match=f"payment {first.pk}") as conflict:
        pay(target, **REPORT, **changes[change])

    assert conflict.value.payment_id == first.pk
    assert Payment.objects.filter(kind=Kind.CAPTURE).get() == first
    assert sums(order) == (10, 10, 0, 0)


def test_reference_is_one_kind_s_and_one_provider_s() -> None:
    order = open_order()
    pay(order, **REPORT)

    pay(order, **REPORT, kind=Kind.REFUND)
    pay(order, **(REPORT | {"provider": "bank"}))

    assert sums(order) == (0, 20, 10, 0)


def test_payments_without_a_reference_are_each_their_own() -> None:
    order = open_order()

    pay(order, provider="cash", amount=Decimal(5))
    pay(order, provider="cash", amount=Decimal(5))

    assert sums(order) == (0, 10, 0, 0)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_pending_payment_reported_as_ended_is_settled(status: str) -> None:
    order = open_order()
    pending = pay(order, status=Status.PENDING, **REPORT)

    ended = pay(order, status=status, **REPORT)

    order.refresh_from_db()
    assert (ended.pk, ended.status) == (pending.pk, status)
    assert order.payments_pending == 0
    assert (order.captured_total == 10) is (status == Status.SUCCEEDED)
    assert f"payment.{status}" in types_of(order)


def test_pending_report_that_comes_late_changes_nothing() -> None:
    order = open_order()
    paid = pay(order, **REPORT)

    late = pay(order, status=Status.PENDING, **REPORT)

    assert late == paid
    assert late.status == Status.SUCCEEDED
    assert sums(order) == (0, 10, 0, 0)


def test_payment_reported_to_have_ended_otherwise_is_a_conflict() -> None:
    order = open_order()
    failed = pay(order, status=Status.FAILED, **REPORT)

    with pytest.raises(PaymentConflict) as conflict:
        pay(order, **REPORT)

    assert conflict.value.payment_id == failed.pk
    assert sums(order) == (0, 0, 0, 0)


def cancelled() -> Order:
    return cancel_orders([open_order()], reason="staff").one()


def closed() -> Order:
    return close_orders([completed_order()]).one()


@pytest.mark.parametrize("prepare", [draft_order, open_order, cancelled, closed])
def test_money_is_recorded_in_every_state(prepare: Callable[[], Order]) -> None:
    order = prepare()
    before = order.captured_total

    pay(order, amount=Decimal(3))

    order.refresh_from_db()
    assert order.captured_total == before + 3


def test_completed_is_when_the_last_of_both_came_true() -> None:
    paid_last, sent_last = open_order(now=NOW), open_order(now=NOW)

    send(paid_last, now=NOW + timedelta(hours=1))
    pay(paid_last, now=NOW + timedelta(hours=2))
    pay(sent_last, now=NOW + timedelta(hours=1))
    send(sent_last, now=NOW + timedelta(hours=2))

    for order in (paid_last, sent_last):
        order.refresh_from_db()
        assert order.completed_at == NOW + timedelta(hours=2)


def test_completed_stands_through_a_refund_and_more_money() -> None:
    order = completed_order(now=NOW)

    pay(order, kind=Kind.REFUND, now=NOW + timedelta(days=1))
    pay(order, now=NOW + timedelta(days=2))

    order.refresh_from_db()
    assert order.completed_at == NOW


def test_completed_is_cleared_by_a_chargeback_and_set_anew_by_its_reversal() -> None:
    order = completed_order(now=NOW)

    pay(order, kind=Kind.CHARGEBACK, amount=Decimal("0.01"))
    order.refresh_from_db()
    assert order.completed_at is None
    assert not order.is_settled

    reversed_at = NOW + timedelta(days=3)
    pay(
        order,
        kind=Kind.CHARGEBACK_REVERSED,
        amount=Decimal("0.01"),
        now=reversed_at,
    )
    order.refresh_from_db()
    assert order.completed_at == reversed_at


def test_paid_draft_is_not_completed() -> None:
    draft = draft_order(lines=[line(requires_shipping=False)])

    pay(draft)

    draft.refresh_from_db()
    assert (draft.payment_status, draft.completed_at) == ("paid", None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "gift"),
        ("status", "maybe"),
        ("amount", Decimal(0)),
        ("amount", Decimal(-1)),
        ("amount", Decimal("0.001")),
        ("amount", Decimal("NaN")),
        ("amount", Decimal(10) ** 30),
        ("amount", 10),
        ("amount", True),
        ("currency", "USD"),
        ("currency", "eur"),
        ("provider", "x" * 65),
        ("provider", "\0"),
        ("provider_reference", "x" * 129),
        ("provider_reference", "\ud800"),
        ("occurred_at", datetime(2030, 1, 1)),  # noqa: DTZ001 - what is refused
        ("occurred_at", NOW + timedelta(minutes=6)),
        ("note", "x" * 4001),
    ],
)
def test_wrong_value_is_named(field: str, value: Any) -> None:
    order = open_order()

    with pytest.raises(InvalidInput) as refused:
        pay(order, now=NOW, **{field: value})

    assert refused.value.field == field
    assert not Payment.objects.exists()


def test_clock_of_a_provider_may_run_ahead_a_little() -> None:
    ahead = NOW + timedelta(minutes=5)

    assert pay(open_order(), now=NOW, occurred_at=ahead).occurred_at == ahead


def test_parent_is_a_payment_of_the_same_order() -> None:
    parent = pay(open_order(), kind=Kind.AUTHORIZATION)

    with pytest.raises(InvalidInput) as refused:
        pay(open_order(), parent=parent)

    assert refused.value.field == "parent"


def test_currency_is_the_order_s_own() -> None:
    order = open_order(currency="JPY")

    assert pay(order, amount=Decimal(10)).currency == "JPY"
    with pytest.raises(InvalidInput, match="JPY has 0 decimal places"):
        pay(order, amount=Decimal("10.5"))


def test_payment_for_no_order_is_refused() -> None:
    nowhere = Order(pk=uuid4(), currency="EUR")

    with pytest.raises(UnknownOrder):
        pay(nowhere, amount=Decimal(1))

    assert not Payment.objects.exists()


def test_statements_do_not_grow_with_the_ledger() -> None:
    short, long = open_order(), open_order()
    for _ in range(20):
        pay(long, amount=Decimal(1))
        pay(long, kind=Kind.REFUND, amount=Decimal(1))

    with CaptureQueriesContext(connection) as for_short:
        pay(short, amount=Decimal(1), now=NOW)
    with CaptureQueriesContext(connection) as for_long:
        pay(long, amount=Decimal(1), now=NOW)

    assert len(for_long) == len(for_short)
    assert OrderEvent.objects.filter(order=long).count() == long_events(long)


def long_events(order: Order) -> int:
    order.refresh_from_db()
    return order.event_seq
