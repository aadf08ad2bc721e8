"""Keep the ledger of payments: facts, taken in every state of the order."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from orders.exceptions import InvalidInput, PaymentConflict
from orders.models import Actor, Order, OrderEvent, Payment
from orders.money import round_money
from scheduling.clock import database_now

from . import guards
from .drafting import SYSTEM
from .input import check_amount, check_choice, check_instant, check_text
from .timeline import NewEvent, add_event, write_orders
from .totals import payment_columns, payment_sums
from .transition import Ids, Problems, change_orders

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

Status = Payment.Status
Kind = Payment.Kind

#: How far a provider's clock may run ahead of ours.
CLOCK_TOLERANCE = timedelta(minutes=5)
PAID = (Order.PaymentStatus.PAID, Order.PaymentStatus.OVERPAID)
EVENTS = {
    Status.PENDING: OrderEvent.Type.PAYMENT_RECORDED,
    Status.SUCCEEDED: OrderEvent.Type.PAYMENT_SUCCEEDED,
    Status.FAILED: OrderEvent.Type.PAYMENT_FAILED,
}
#: What two reports of one movement must agree on.
IDENTITY = ("order_id", "amount", "currency", "parent_id")


def record_payment(
    order: Order,
    *,
    kind: str,
    amount: Decimal,
    status: str = Status.SUCCEEDED,
    currency: str = "",
    provider: str = "",
    provider_reference: str = "",
    parent: Payment | None = None,
    occurred_at: datetime | None = None,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Payment:
    """Record one movement of money, whatever the order's state.

    Reported again under the same provider, kind and reference, it is the row
    that is there, settled if it was pending and is reported as ended. Raises
    PaymentConflict where that row says something else, and InvalidInput for an
    amount that is not above zero and exact in the order's currency, for another
    currency than the order's, a parent of another order, or an ``occurred_at`` in
    the future.
    """
    now = now or database_now()
    payment = Payment(
        order=order,
        kind=kind,
        status=status,
        amount=amount,
        currency=currency or order.currency,
        provider=provider,
        provider_reference=provider_reference,
        parent=parent,
        occurred_at=occurred_at or now,
        created_at=now,
        actor_kind=by.kind,
        actor_id=by.id,
        actor_label=by.label,
    )
    _check(payment, order, now)
    check_text("note", note, longest=4000)
    recorded = payment

    def write(ids: Ids, now: datetime) -> Problems:
        nonlocal recorded
        _check_currency(payment, ids)
        recorded = _insert_once(payment)
        if recorded is payment:
            _recompute(ids, payment, note, by, now)
        elif payment.status != Status.PENDING:
            _settle(ids, recorded, payment.status, note, by, now)
        return {}

    change_orders([order], guards=guards.anything, write=write, now=now).one()
    return recorded


def settle_payment(
    payment: Payment,
    *,
    status: str,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Payment:
    """Record how a pending payment ended: succeeded or failed.

    Repeating it changes nothing. Raises PaymentConflict if it ended differently.
    """
    check_choice("status", status, (Status.SUCCEEDED, Status.FAILED))
    check_text("note", note, longest=4000)

    def write(ids: Ids, now: datetime) -> Problems:
        payment.refresh_from_db()
        _settle(ids, payment, status, note, by, now)
        return {}

    change_orders(
        [payment.order_id], guards=guards.anything, write=write, now=now
    ).one()
    return payment


def _check(payment: Payment, order: Order, now: datetime) -> None:
    check_choice("kind", payment.kind, Kind.values)
    check_choice("status", payment.status, Status.values)
    if payment.currency != order.currency:
        raise InvalidInput("currency", f"the order is in {order.currency}")
    check_amount("amount", payment.amount, order.currency)
    if payment.amount == 0:
        raise InvalidInput("amount", "must be above 0")
    check_text("provider", payment.provider, longest=64)
    check_text("provider_reference", payment.provider_reference, longest=128)
    if payment.parent and payment.parent.order_id != order.pk:
        raise InvalidInput("parent", "is a payment of another order")
    check_instant("occurred_at", payment.occurred_at)
    if payment.occurred_at > now + CLOCK_TOLERANCE:
        raise InvalidInput("occurred_at", "lies in the future")


def _check_currency(payment: Payment, ids: Ids) -> None:
    """Compare with the locked row: a draft's currency may have been corrected."""
    if not Order.objects.filter(pk__in=ids, currency=payment.currency).exists():
        raise InvalidInput("currency", "is no longer that of the order")


def _insert_once(payment: Payment) -> Payment:
    """Insert, or return the row that holds the same report already."""
    try:
        with transaction.atomic():
            payment.save(force_insert=True)
    except IntegrityError:
        existing = Payment.objects.filter(
            provider=payment.provider,
            kind=payment.kind,
            provider_reference=payment.provider_reference,
        ).first()
        if existing is None or not payment.provider_reference:
            raise
    else:
        return payment
    if any(getattr(existing, name) != getattr(payment, name) for name in IDENTITY):
        raise PaymentConflict(
            f"{payment.provider} {payment.kind} {payment.provider_reference} was"
            f" reported before with other content: payment {existing.pk}.",
            payment_id=existing.pk,
        )
    return existing


def _settle(
    ids: Ids, payment: Payment, status: str, note: str, by: Actor, now: datetime
) -> None:
    """End a payment, read under its order's lock, unless it has ended so already."""
    if payment.status == Status.PENDING:
        payment.status = status
        payment.save(update_fields=["status"])
        _recompute(ids, payment, note, by, now)
    elif payment.status != status:
        raise PaymentConflict(
            f"Payment {payment.pk} has {payment.status} already.",
            payment_id=payment.pk,
        )


def _recompute(ids: Ids, payment: Payment, note: str, by: Actor, now: datetime) -> None:
    """Sum the payments again and record the event, and ``order.paid`` if it is."""
    paid = Order.objects.filter(pk__in=ids, payment_status__in=PAID)
    was_paid = paid.exists()
    write_orders(
        ids,
        NewEvent(
            EVENTS[Status(payment.status)], by, note=note, data=_describe(payment)
        ),
        now=now,
        source=payment_sums(ids),
        assign=payment_columns(now),
    )
    if not was_paid and paid.exists():
        add_event(ids, NewEvent(OrderEvent.Type.PAID, by), now=now)


def _describe(payment: Payment) -> dict[str, Any]:
    return {
        "payment": {
            "id": str(payment.pk),
            "kind": payment.kind,
            "status": payment.status,
            "amount": str(round_money(payment.amount, payment.currency)),
            "currency": payment.currency,
            "provider": payment.provider,
        }
    }
