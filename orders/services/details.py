"""Correct what an order says: contact, addresses, references; lines of drafts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from django.db import connection
from django.db.models import Q
from psycopg import sql

from orders.exceptions import InvalidInput
from orders.models import Actor, Order, OrderEvent, OrderLine, Payment

from . import guards
from .drafting import (
    SYSTEM,
    LineDraft,
    OrderDraft,
    check_details,
    check_money,
    new_lines,
    totals_of,
)
from .guards import Guard
from .input import check_text
from .timeline import NewEvent, rows_of, table, write_orders
from .transition import Ids, Outcome, Problem, Problems, change_orders

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID


class Corrections(TypedDict, total=False):
    """What ``update_orders`` takes; a field that is left out stays as it is."""

    customer_email: str
    customer_name: str
    customer_reference: str
    external_reference: str
    billing_address: Mapping[str, str]
    shipping_address: Mapping[str, str]
    metadata: Mapping[str, Any]
    currency: str
    lines: Sequence[LineDraft]
    order_discount: Decimal
    order_tax: Decimal
    shipping_total: Decimal


MONEY = frozenset(
    {"currency", "lines", "order_discount", "order_tax", "shipping_total"}
)
#: Provides the fields that a correction does not touch while it is checked, in a
#: currency with the largest number of decimal places.
BLANK = OrderDraft(currency="KWD")


def update_orders(
    orders: Iterable[Order | UUID],
    *,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
    **corrections: Unpack[Corrections],
) -> Outcome:
    """Correct drafts and open orders; amounts and lines in drafts only.

    The shipping address may change until the first unit is shipped. ``lines``
    replace the existing ones, and totals are calculated again. Raises InvalidInput,
    naming the field, for a value that no order could have; a single draft that cannot
    have it (in its currency, or because of its payments) is refused.
    """
    unknown = sorted(corrections.keys() - Corrections.__annotations__.keys())
    if unknown or not corrections:
        known = ", ".join(Corrections.__annotations__)
        raise InvalidInput(", ".join(unknown) or "corrections", f"give any of {known}")
    check_text("note", note, longest=4000)
    columns: dict[str, Any] = {k: v for k, v in corrections.items() if k not in MONEY}
    money: dict[str, Any] = {k: v for k, v in corrections.items() if k in MONEY}
    check_details(replace(BLANK, **columns))
    check_money(replace(BLANK, **money))
    event = NewEvent(OrderEvent.Type.UPDATED, by, note=note)

    def write(ids: Ids, now: datetime) -> Problems:
        if not money:
            write_orders(ids, event, now=now, assign=columns)
            return {}
        source, refused = _replace_money(ids, money)
        sums = {name: sql.SQL(f"s.{name}") for name in MONEY_COLUMNS}
        write_orders(ids, event, now=now, assign=columns | sums, source=source)
        return refused

    return change_orders(
        orders, guards=partial(_guards, corrections.keys()), write=write, now=now
    )


def _guards(fields: Collection[str], now: datetime) -> tuple[Guard, ...]:
    rules = guards.update(now)
    if MONEY & set(fields):
        money = Guard(
            "not_draft",
            ~Q(status=Order.Status.DRAFT),
            "is not a draft; its lines and amounts cannot change",
        )
        rules += (money,)
    if "shipping_address" in fields:
        shipped = Guard(
            "shipped",
            Q(qty_fulfilled__gt=0),
            "is partly shipped; its shipping address cannot change",
        )
        rules += (shipped,)
    return rules


MONEY_COLUMNS = {
    "currency": "text",
    "order_discount": "numeric",
    "order_tax": "numeric",
    "shipping_total": "numeric",
    "subtotal": "numeric",
    "discount_total": "numeric",
    "tax_total": "numeric",
    "grand_total": "numeric",
    "qty_ordered": "bigint",
}


def _replace_money(
    ids: Ids, money: Mapping[str, Any]
) -> tuple[sql.Composable, Problems]:
    """Replace the lines of locked drafts; return their new sums as a source.

    A draft that cannot have what was asked for keeps its lines and is refused.
    """
    orders = Order.objects.in_bulk(ids)
    old = _drafts_of(orders)
    new = {pk: replace(old[pk], **money) for pk in ids}
    refused = _with_payments([pk for pk in ids if new[pk].currency != old[pk].currency])
    rows = []
    for pk in ids:
        try:
            rows.append({"order_id": pk} | _sums(new[pk]))
        except InvalidInput as error:
            refused[pk] = Problem("money", f"cannot have these amounts: {error}")
    drafts = [pk for pk in ids if pk not in refused]
    _delete_lines(drafts)
    OrderLine.objects.bulk_create(
        line for pk in drafts for line in new_lines(orders[pk], new[pk].lines)
    )
    kept = [row for row in rows if row["order_id"] not in refused]
    return rows_of({"order_id": "uuid"} | MONEY_COLUMNS, kept), refused


def _with_payments(ids: Ids) -> Problems:
    """Refuse orders whose ledger is kept in their currency already."""
    payments = Payment.objects.filter(order__in=ids)
    return {
        pk: Problem("payments", "has payments; its currency cannot change")
        for pk in payments.values_list("order_id", flat=True)
    }


def _sums(draft: OrderDraft) -> dict[str, Any]:
    check_money(draft)
    return {name: getattr(draft, name) for name in MONEY - {"lines"}} | totals_of(draft)


def _delete_lines(ids: Ids) -> None:
    """Delete the lines of drafts in one statement; Django would take a hundred each."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DELETE FROM {} WHERE order_id = ANY({})").format(
                table(OrderLine), sql.Literal(ids)
            )
        )


def _drafts_of(orders: Mapping[UUID, Order]) -> dict[UUID, OrderDraft]:
    lines: defaultdict[UUID, list[LineDraft]] = defaultdict(list)
    for line in OrderLine.objects.filter(order__in=orders).order_by("position"):
        lines[line.order_id].append(
            LineDraft(
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount_total=line.discount_total,
                tax_total=line.tax_total,
                requires_shipping=line.requires_shipping,
            )
        )
    return {
        pk: OrderDraft(
            currency=order.currency,
            lines=lines[pk],
            order_discount=order.order_discount,
            order_tax=order.order_tax,
            shipping_total=order.shipping_total,
        )
        for pk, order in orders.items()
    }
