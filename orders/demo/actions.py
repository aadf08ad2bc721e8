"""What can happen to a demo order, through the services.

Each function does one thing to a set of orders at one instant. Nothing is random
here, and nothing may be refused: a refusal is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orders.models import Actor, Fulfillment, Order, Payment
from orders.money import round_money
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.drafting import SYSTEM
from orders.services.due_dates import extend_due_dates
from orders.services.fulfillment import create_fulfillment, deliver, ship
from orders.services.holds import hold_orders
from orders.services.payments import record_payment, settle_payment
from orders.services.placement import place_orders
from orders.services.remarks import add_note, set_automation_exempt, set_tags
from orders.services.transition import Outcome

from .channels import OFFICE, WAREHOUSE, program

Kind = Payment.Kind
PARCEL = Fulfillment.Status
#: The kind of movement that one captures, voids or gives back.
PARENTS = {
    Kind.CAPTURE: Kind.AUTHORIZATION,
    Kind.VOID: Kind.AUTHORIZATION,
    Kind.REFUND: Kind.CAPTURE,
    Kind.CHARGEBACK: Kind.CAPTURE,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A demo order, and who acts on it.

    ``token`` is unique; the references of payments and parcels are made from it.
    """

    order: Order
    by: Actor
    provider: str
    carrier: str
    token: str


#: Does something to orders at an instant.
Action = Callable[[Sequence[Subject], datetime], None]


def place(subjects: Sequence[Subject], now: datetime) -> None:
    for subject in subjects:
        _raise_refusals(place_orders([subject.order], by=subject.by, now=now))


# Money ---------------------------------------------------------------------------


def report(
    subjects: Sequence[Subject],
    now: datetime,
    *,
    kind: Kind = Kind.CAPTURE,
    status: Payment.Status = Payment.Status.SUCCEEDED,
    percent: int = 100,
) -> None:
    """Report a movement of so much of each order's total."""
    for subject in subjects:
        order = subject.order
        record_payment(
            order,
            kind=kind,
            status=status,
            amount=round_money(order.grand_total * percent / 100, order.currency),
            provider=subject.provider,
            provider_reference=f"{kind[:2]}_{subject.token}",
            parent=order.payments.filter(kind=PARENTS.get(kind)).first(),
            by=program(subject.provider),
            now=now,
        )


def settle(subjects: Sequence[Subject], now: datetime) -> None:
    """Let the pending payments succeed."""
    for subject in subjects:
        payment = subject.order.payments.get(status=Payment.Status.PENDING)
        settle_payment(
            payment,
            status=Payment.Status.SUCCEEDED,
            by=program(subject.provider),
            now=now,
        )


def extend(subjects: Sequence[Subject], now: datetime, *, days: int) -> None:
    until = now + timedelta(days=days)
    note = "Asked for more time on the telephone."
    _raise_refusals(
        extend_due_dates(_orders(subjects), until=until, note=note, by=OFFICE, now=now)
    )


# Goods ---------------------------------------------------------------------------


def pack(subjects: Sequence[Subject], now: datetime) -> None:
    """Pack what is left to send."""
    for subject in subjects:
        _pack(subject, None, now)


def pack_some(subjects: Sequence[Subject], now: datetime) -> None:
    """Pack everything but the last position."""
    for subject in subjects:
        *lines, _ = subject.order.lines.order_by("position")
        _pack(subject, {line.pk: line.quantity for line in lines}, now)


def _pack(subject: Subject, quantities: dict[int, int] | None, now: datetime) -> None:
    number = f"{int(subject.token, 16):015d}"
    create_fulfillment(
        subject.order,
        quantities=quantities,
        carrier=subject.carrier,
        tracking_number=number,
        tracking_url=f"https://tracking.example.com/{number}",
        by=WAREHOUSE,
        now=now,
    )


def hand_over(subjects: Sequence[Subject], now: datetime) -> None:
    """Hand the goods over at the counter: packed, shipped and delivered at once."""
    for subject in subjects:
        parcel = create_fulfillment(subject.order, by=subject.by, now=now)
        _raise_refusals(ship([parcel], by=subject.by, now=now))
        _raise_refusals(deliver([parcel], by=subject.by, now=now))


def send(subjects: Sequence[Subject], now: datetime) -> None:
    parcels = _parcels(subjects, PARCEL.PENDING)
    _raise_refusals(ship(parcels, by=WAREHOUSE, now=now))


def arrive(subjects: Sequence[Subject], now: datetime) -> None:
    parcels = _parcels(subjects, PARCEL.SHIPPED)
    _raise_refusals(deliver(parcels, by=program("carriers"), now=now))


def _parcels(subjects: Sequence[Subject], status: str) -> Iterable[Fulfillment]:
    return Fulfillment.objects.filter(order__in=_orders(subjects), status=status)


# The end -------------------------------------------------------------------------


def cancel(
    subjects: Sequence[Subject],
    now: datetime,
    *,
    reason: Order.CancelReason,
    note: str = "",
    by: Actor = OFFICE,
) -> None:
    _raise_refusals(
        cancel_orders(_orders(subjects), reason=reason, note=note, by=by, now=now)
    )


def close(
    subjects: Sequence[Subject],
    now: datetime,
    *,
    reason: Order.CloseReason = Order.CloseReason.COMPLETED,
    by: Actor = OFFICE,
) -> None:
    _raise_refusals(close_orders(_orders(subjects), reason=reason, by=by, now=now))


def close_by_policy(subjects: Sequence[Subject], now: datetime) -> None:
    close(subjects, now, reason=Order.CloseReason.AUTO_COMPLETED, by=SYSTEM)


def write_off(subjects: Sequence[Subject], now: datetime) -> None:
    _raise_refusals(
        close_orders(
            _orders(subjects),
            reason=Order.CloseReason.WRITTEN_OFF,
            note="The rest is not worth a lawyer's letter.",
            override=True,
            by=OFFICE,
            now=now,
        )
    )


# What staff write ------------------------------------------------------------------


def hold(subjects: Sequence[Subject], now: datetime, *, reason: str) -> None:
    _raise_refusals(hold_orders(_orders(subjects), reason=reason, by=OFFICE, now=now))


def exempt(subjects: Sequence[Subject], now: datetime, *, note: str) -> None:
    orders = _orders(subjects)
    _raise_refusals(
        set_automation_exempt(orders, exempt=True, note=note, by=OFFICE, now=now)
    )


def note(subjects: Sequence[Subject], now: datetime, *, text: str) -> None:
    _raise_refusals(add_note(_orders(subjects), note=text, by=OFFICE, now=now))


def tag(subjects: Sequence[Subject], now: datetime, *, tags: Sequence[str]) -> None:
    _raise_refusals(set_tags(_orders(subjects), tags=tags, by=OFFICE, now=now))


def _orders(subjects: Sequence[Subject]) -> list[Order]:
    return [subject.order for subject in subjects]


def _raise_refusals(outcome: Outcome) -> None:
    """Raise the first refusal, if there is any."""
    for refusal in outcome.refused.values():
        raise refusal
