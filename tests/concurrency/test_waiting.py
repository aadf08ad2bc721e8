"""Two connections that want the same order: the second decides anew."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q

from orders.exceptions import InvalidInput, OutOfStock, PaymentConflict
from orders.models import Order, Payment, StockItem
from orders.services.cancellation import cancel_orders
from orders.services.details import update_orders
from orders.services.fulfillment import create_fulfillment, ship
from orders.services.payments import settle_payment
from orders.services.placement import place_orders
from orders.services.transition import Finding
from tests.concurrency.connections import PATIENCE, at_once, colleague
from tests.factories import (
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
from tests.scheduling.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)

OVERDUE = Order.CancelReason.PAYMENT_OVERDUE
CUSTOMER = Order.CancelReason.CUSTOMER


def test_cancel_that_waited_for_a_payer_refuses_the_paid_order() -> None:
    stock("MUG", on_hand=2)
    order = open_order(lines=[line(sku="MUG")])

    with colleague() as start:
        with transaction.atomic():
            pay(order)
            cancelling = start(cancel_orders, [order], reason=OVERDUE)
            until(somebody_waits_for_us)
        outcome = cancelling.result(PATIENCE)

    order.refresh_from_db()
    assert outcome.refused[order.pk].code == "captured"
    assert (order.status, order.payment_status) == ("open", "paid")
    assert StockItem.objects.get(sku="MUG").reserved == 1
    assert "order.cancelled" not in types_of(order)


def test_payment_inserted_by_any_means_waits_for_a_cancel() -> None:
    order = open_order()
    now = datetime.now(UTC)
    payment = Payment(
        order=order,
        kind=Payment.Kind.CAPTURE,
        status=Payment.Status.PENDING,
        amount=Decimal(10),
        currency="EUR",
        occurred_at=now,
        created_at=now,
        actor_kind="system",
    )

    with colleague() as start:
        with transaction.atomic():
            cancel_orders([order], reason=OVERDUE)
            inserting = start(payment.save, force_insert=True)
            until(somebody_waits_for_us, seconds=10)
            assert not inserting.done()
        inserting.result(PATIENCE)

    assert order.payments.count() == 1


def test_colleague_cancelling_what_a_batch_holds_is_refused() -> None:
    stock("MUG", on_hand=9)
    orders = open_orders(5, lines=[line(sku="MUG")])

    with colleague() as start:
        with transaction.atomic():
            cancel_orders(orders, reason=OVERDUE)
            cancelling = start(cancel_orders, [orders[2]], reason=CUSTOMER)
            until(somebody_waits_for_us)
        outcome = cancelling.result(PATIENCE)

    refusal = outcome.refused[orders[2].pk]
    assert (refusal.code, refusal.status) == ("status", "cancelled")
    assert types_of(orders[2]).count("order.cancelled") == 1
    assert StockItem.objects.get(sku="MUG").reserved == 0


def test_batch_goes_past_the_order_that_a_colleague_cancelled() -> None:
    stock("MUG", on_hand=9)
    orders = open_orders(5, lines=[line(sku="MUG")])

    with colleague() as start:
        with transaction.atomic():
            cancel_orders([orders[2]], reason=CUSTOMER)
            cancelling = start(cancel_orders, orders, reason=OVERDUE)
            until(somebody_waits_for_us)
        outcome = cancelling.result(PATIENCE)

    orders[2].refresh_from_db()
    assert outcome.changed == ids(orders[:2] + orders[3:])
    assert list(outcome.refused) == [orders[2].pk]
    assert orders[2].cancel_reason == CUSTOMER
    assert types_of(orders[2]).count("order.cancelled") == 1
    assert StockItem.objects.get(sku="MUG").reserved == 0


def test_sweep_leaves_out_what_somebody_holds() -> None:
    held, free = open_orders(2)
    found = Finding(
        provided=Q(status=Order.Status.OPEN),
        pending_since=datetime.now(UTC),
        data={"policy": "unpaid"},
    )

    with colleague() as start, transaction.atomic():
        Order.objects.select_for_update().get(pk=held.pk)
        cancelling = start(cancel_orders, [held, free], reason=OVERDUE, found=found)
        outcome = cancelling.result(PATIENCE)

    assert outcome.changed == [free.pk]
    assert outcome.skipped == [held.pk]
    assert not outcome.refused


def test_last_unit_goes_to_one_of_two_orders() -> None:
    stock("MUG", on_hand=1)
    first, second = draft_orders(2, lines=[line(sku="MUG")])

    with colleague() as start:
        with transaction.atomic():
            assert place_orders([first]).changed
            placing = start(place_orders, [second])
            until(somebody_waits_for_us)
        outcome = placing.result(PATIENCE)

    assert isinstance(outcome.refused[second.pk], OutOfStock)
    assert StockItem.objects.get(sku="MUG").reserved == 1
    assert Order.objects.get(status=Order.Status.OPEN) == first


def test_one_draft_placed_twice_at_once_reserves_once() -> None:
    stock("MUG", on_hand=5)
    draft = draft_order(lines=[line(sku="MUG", quantity=2)])

    with colleague() as start:
        with transaction.atomic():
            assert place_orders([draft]).changed
            placing = start(place_orders, [draft])
            until(somebody_waits_for_us)
        outcome = placing.result(PATIENCE)

    assert outcome.refused[draft.pk].code == "status"
    assert StockItem.objects.get(sku="MUG").reserved == 2
    assert types_of(draft) == ["order.created", "order.placed"]


def test_payment_reported_twice_at_once_is_one_row() -> None:
    order = open_order()
    report: dict[str, Any] = {"provider": "psp", "provider_reference": "ch_1"}

    with colleague() as start:
        with transaction.atomic():
            first = pay(order, **report)
            paying = start(pay, order, **report)
            until(somebody_waits_for_us)
        second = paying.result(PATIENCE)

    order.refresh_from_db()
    assert first == second == Payment.objects.get()
    assert order.captured_total == order.grand_total
    assert types_of(order).count("payment.succeeded") == 1


def test_reference_reported_at_once_for_two_orders_is_a_conflict() -> None:
    one, other = open_orders(2)
    report: dict[str, Any] = {"provider": "psp", "provider_reference": "ch_1"}

    with colleague() as start:
        with transaction.atomic():
            first = pay(one, **report)
            paying = start(pay, other, **report)
            until(somebody_waits_for_us)
        with pytest.raises(PaymentConflict, match=str(first.pk)) as conflict:
            paying.result(PATIENCE)

    other.refresh_from_db()
    assert conflict.value.payment_id == first.pk
    assert (other.captured_total, other.version) == (0, 2)


def test_pending_payment_settled_twice_at_once_counts_once() -> None:
    order = open_order()
    payment = pay(order, status=Payment.Status.PENDING)

    with colleague() as start:
        with transaction.atomic():
            settle_payment(payment, status=Payment.Status.SUCCEEDED)
            again = Payment(pk=payment.pk, order=order, status=Payment.Status.PENDING)
            settling = start(settle_payment, again, status=Payment.Status.SUCCEEDED)
            until(somebody_waits_for_us)
        settling.result(PATIENCE)

    order.refresh_from_db()
    assert order.captured_total == order.grand_total
    assert types_of(order).count("payment.succeeded") == 1


def test_two_payers_at_once_lose_no_money() -> None:
    order = open_order(lines=[line(quantity=4)])

    at_once(*[lambda: pay(order, amount=Decimal(10))] * 4)

    order.refresh_from_db()
    assert (order.captured_total, order.payment_status) == (Decimal(40), "paid")
    assert types_of(order).count("order.paid") == 1
    assert (order.version, order.event_seq) == (6, 7)


def test_parcel_that_two_clerks_send_leaves_once() -> None:
    stock("MUG", on_hand=5)
    order = open_order(lines=[line(sku="MUG", quantity=2)])
    parcel = create_fulfillment(order)

    with colleague() as start:
        with transaction.atomic():
            ship([parcel]).one()
            shipping = start(ship, [parcel])
            until(somebody_waits_for_us)
        outcome = shipping.result(PATIENCE)

    item = StockItem.objects.get(sku="MUG")
    order.refresh_from_db()
    assert outcome.refused[order.pk].code == "fulfillment_status"
    assert (item.on_hand, item.reserved, order.qty_fulfilled) == (3, 0, 2)
    assert types_of(order).count("fulfillment.shipped") == 1


def test_two_clerks_packing_at_once_pack_each_unit_once() -> None:
    order = open_order(lines=[line(quantity=2)])

    with colleague() as start:
        with transaction.atomic():
            create_fulfillment(order)
            packing = start(create_fulfillment, order)
            until(somebody_waits_for_us)
        with pytest.raises(InvalidInput, match="nothing is left to pack"):
            packing.result(PATIENCE)

    assert order.fulfillments.count() == 1


def test_payment_in_a_currency_that_was_corrected_meanwhile_is_refused() -> None:
    draft = draft_order(currency="EUR")

    with colleague() as start:
        with transaction.atomic():
            update_orders([draft], currency="USD").one()
            paying = start(pay, draft)
            until(somebody_waits_for_us)
        with pytest.raises(InvalidInput) as refused:
            paying.result(PATIENCE)

    assert refused.value.field == "currency"
    assert not Payment.objects.exists()
