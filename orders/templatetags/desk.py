"""How the desk writes amounts, instants and states."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from django import template
from django.db.models import TextChoices
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.models import AutoCloseRun, Fulfillment, Order, Payment
from orders.models.address import ADDRESS_FIELDS
from orders.money import round_money
from scheduling.templatetags.clock import BAD, BUSY, GOOD, NOTHING, badge

register = template.Library()

TONES: dict[str, str] = {
    Order.Status.OPEN: BUSY,
    Order.Status.CANCELLED: BAD,
    Order.PaymentStatus.PAID: GOOD,
    Order.PaymentStatus.UNPAID: BAD,
    Order.PaymentStatus.AUTHORIZED: BUSY,
    Order.PaymentStatus.PARTIALLY_PAID: BUSY,
    Order.PaymentStatus.OVERPAID: BAD,
    Order.FulfillmentStatus.FULFILLED: GOOD,
    Order.FulfillmentStatus.PARTIAL: BUSY,
    Payment.Status.SUCCEEDED: GOOD,
    Payment.Status.FAILED: BAD,
    Payment.Status.PENDING: BUSY,
    Fulfillment.Status.SHIPPED: GOOD,
    Fulfillment.Status.DELIVERED: GOOD,
    AutoCloseRun.State.COMPLETED: GOOD,
    AutoCloseRun.State.NEEDS_APPROVAL: BAD,
    AutoCloseRun.State.RUNNING: BUSY,
    AutoCloseRun.State.QUEUED: BUSY,
}


def state_badge(value: str, choices: type[TextChoices]) -> SafeString:
    return badge(choices(value).label, TONES.get(value, ""))


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency, at the currency's own precision."""
    return f"{round_money(amount, currency):,f} {currency}"


@register.filter
def instant(at: datetime | None) -> str:
    """Write an instant to the minute, in UTC and saying so."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else NOTHING


@register.filter
def day(at: datetime | None) -> SafeString | str:
    """Write an instant's day in UTC; the instant itself shows on hover."""
    if at is None:
        return NOTHING
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        instant(at),
        at.astimezone(UTC).date(),
    )


@register.filter
def address_lines(address: dict[str, str]) -> list[str]:
    """Return the parts of an address that say something, as they are written."""
    return [address[name] for name in ADDRESS_FIELDS if address.get(name)]


@register.filter
def order_badge(order: Order) -> SafeString:
    return state_badge(order.status, Order.Status)


@register.filter
def payment_badge(order: Order) -> SafeString:
    return state_badge(order.payment_status, Order.PaymentStatus)


@register.filter
def fulfillment_badge(order: Order) -> SafeString:
    return state_badge(order.fulfillment_status, Order.FulfillmentStatus)


@register.filter
def movement_badge(payment: Payment) -> SafeString:
    return state_badge(payment.status, Payment.Status)


@register.filter
def parcel_badge(parcel: Fulfillment) -> SafeString:
    return state_badge(parcel.status, Fulfillment.Status)


@register.filter
def sweep_badge(run: AutoCloseRun) -> SafeString:
    return state_badge(run.state, AutoCloseRun.State)


@register.filter
def attention_labels(order: Order) -> str:
    return ", ".join(Order.Attention(item).label for item in order.attention)
