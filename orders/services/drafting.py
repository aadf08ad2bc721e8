"""Create drafts: new orders with their lines, and totals calculated from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from orders.exceptions import DuplicateReference, InvalidInput
from orders.models import Actor, Order, OrderEvent, OrderLine, Origin
from scheduling.clock import database_now

from .input import (
    check_address,
    check_amount,
    check_choice,
    check_currency,
    check_email,
    check_instant,
    check_json,
    check_tags,
    check_text,
)
from .timeline import NewEvent, add_event
from .transition import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

#: The actor of work that no person asked for.
SYSTEM = Actor.system(Origin.TASK)
ZERO = Decimal(0)
LARGEST_QUANTITY = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDraft:
    """One position to be ordered. Discount and tax are those of the whole line."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    discount_total: Decimal = ZERO
    tax_total: Decimal = ZERO
    requires_shipping: bool = True

    @property
    def line_total(self) -> Decimal:
        gross = self.quantity * self.unit_price
        return gross - self.discount_total + self.tax_total


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDraft:
    """The content of a new order. Totals are calculated, never passed in."""

    currency: str
    lines: Sequence[LineDraft] = ()
    channel: str = ""
    external_reference: str = ""
    source: str = Order.Source.WEB
    payment_mode: str = Order.PaymentMode.ONLINE
    order_discount: Decimal = ZERO
    order_tax: Decimal = ZERO
    shipping_total: Decimal = ZERO
    customer_email: str = ""
    customer_name: str = ""
    customer_reference: str = ""
    billing_address: Mapping[str, str] = field(default_factory=dict)
    shipping_address: Mapping[str, str] = field(default_factory=dict)
    payment_due_at: datetime | None = None
    automation_exempt: bool = False
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


def create_orders(
    drafts: Iterable[OrderDraft], *, by: Actor = SYSTEM, now: datetime | None = None
) -> list[Order]:
    """Write drafts with their lines, all or none.

    Raises InvalidInput that names the field (``lines[2].quantity``), and
    DuplicateReference for a channel and reference that exist, among the drafts
    themselves too.
    """
    drafts = list(drafts)
    now = now or database_now()
    orders = [new_order(draft, now) for draft in drafts]
    lines = [
        line
        for order, draft in zip(orders, drafts, strict=True)
        for line in new_lines(order, draft.lines)
    ]
    ids = [order.pk for order in orders]
    with transaction.atomic():
        _insert(orders)
        OrderLine.objects.bulk_create(lines)
        add_event(ids, NewEvent(OrderEvent.Type.CREATED, by), now=now)
    return Outcome(changed=ids).orders


def _insert(orders: list[Order]) -> None:
    """Insert orders; the unique constraint decides who has a reference."""
    try:
        with transaction.atomic():
            Order.objects.bulk_create(orders)
    except IntegrityError:
        _refuse_duplicates(orders)
        raise


def _refuse_duplicates(orders: list[Order]) -> None:
    seen: dict[tuple[str, str], UUID] = {}
    for order in orders:
        if not order.external_reference:
            continue
        key = order.channel, order.external_reference
        existing = Order.objects.filter(channel=key[0], external_reference=key[1])
        holder = existing.values_list("pk", flat=True).first() or seen.get(key)
        if holder:
            raise DuplicateReference(*key, order_id=holder)
        seen[key] = order.pk


def new_order(draft: OrderDraft, now: datetime) -> Order:
    """Return an unsaved draft order with its totals. Raises InvalidInput."""
    check_order(draft)
    return Order(
        currency=draft.currency,
        channel=draft.channel,
        external_reference=draft.external_reference,
        source=draft.source,
        payment_mode=draft.payment_mode,
        order_discount=draft.order_discount,
        order_tax=draft.order_tax,
        shipping_total=draft.shipping_total,
        customer_email=draft.customer_email,
        customer_name=draft.customer_name,
        customer_reference=draft.customer_reference,
        billing_address=dict(draft.billing_address),
        shipping_address=dict(draft.shipping_address),
        payment_due_at=draft.payment_due_at,
        automation_exempt=draft.automation_exempt,
        tags=check_tags(draft.tags),
        metadata=dict(draft.metadata),
        created_at=now,
        updated_at=now,
        **totals_of(draft),
    )


def check_order(draft: OrderDraft) -> None:
    """Refuse a draft with a value that no order may have. Raises InvalidInput."""
    check_money(draft)
    check_details(draft)


def check_details(draft: OrderDraft) -> None:
    """Check what an order says beside its lines and money."""
    check_choice("source", draft.source, Order.Source.values)
    check_choice("payment_mode", draft.payment_mode, Order.PaymentMode.values)
    check_text("channel", draft.channel, longest=64)
    check_text("external_reference", draft.external_reference, longest=128)
    check_text("customer_name", draft.customer_name, longest=200)
    check_text("customer_reference", draft.customer_reference, longest=128)
    check_email(draft.customer_email)
    check_address("billing_address", draft.billing_address)
    check_address("shipping_address", draft.shipping_address)
    check_json("metadata", draft.metadata)
    check_instant("payment_due_at", draft.payment_due_at)


def check_money(draft: OrderDraft) -> None:
    """Check the currency, the lines and the order's own amounts."""
    check_currency(draft.currency)
    for name in ("order_discount", "order_tax", "shipping_total"):
        check_amount(name, getattr(draft, name), draft.currency)
    for index, line in enumerate(draft.lines):
        check_line(f"lines[{index}]", line, draft.currency)


def check_line(place: str, line: LineDraft, currency: str) -> None:
    """Refuse a line with a value that no line may have. Raises InvalidInput."""
    check_text(f"{place}.sku", line.sku, longest=64, required=True)
    check_text(f"{place}.name", line.name, longest=255, required=True)
    # A bool is an int in Python; it is no quantity.
    if type(line.quantity) is not int or not 1 <= line.quantity <= LARGEST_QUANTITY:
        raise InvalidInput(
            f"{place}.quantity", f"must be a whole number from 1 to {LARGEST_QUANTITY}"
        )
    for name in ("unit_price", "discount_total", "tax_total", "line_total"):
        check_amount(f"{place}.{name}", getattr(line, name), currency)


def totals_of(draft: OrderDraft) -> dict[str, Any]:
    """Return the sums of an order's row (orders.models.order's CHECKs).

    Raises InvalidInput where discounts exceed what they are taken from, or a
    sum exceeds what a column holds.
    """
    subtotal = sum((line.quantity * line.unit_price for line in draft.lines), ZERO)
    discount = sum((line.discount_total for line in draft.lines), draft.order_discount)
    tax = sum((line.tax_total for line in draft.lines), draft.order_tax)
    totals = {
        "subtotal": subtotal,
        "discount_total": discount,
        "tax_total": tax,
        "grand_total": subtotal - discount + draft.shipping_total + tax,
    }
    for name, amount in totals.items():
        check_amount(name, amount, draft.currency)
    return totals | {
        "qty_ordered": sum(
            line.quantity for line in draft.lines if line.requires_shipping
        )
    }


def new_lines(order: Order, drafts: Iterable[LineDraft]) -> list[OrderLine]:
    """Return the unsaved lines of checked drafts, positions from 1."""
    return [
        OrderLine(
            order=order,
            position=position,
            sku=draft.sku,
            name=draft.name,
            quantity=draft.quantity,
            unit_price=draft.unit_price,
            discount_total=draft.discount_total,
            tax_total=draft.tax_total,
            line_total=draft.line_total,
            requires_shipping=draft.requires_shipping,
        )
        for position, draft in enumerate(drafts, 1)
    ]
