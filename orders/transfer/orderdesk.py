"""The "orderdesk" format: our own, one record an order line, in any state.

The fields of the order are repeated on each record. An order without lines is one
record whose line columns are all empty.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from orders.exceptions import InvalidInput
from orders.models import Order
from orders.models.address import ADDRESS_FIELDS
from orders.money import CURRENCIES
from orders.services.drafting import check_line

from .cells import (
    ADDRESS_PART,
    AMOUNT,
    COUNTRY_CODE,
    CURRENCY,
    EMAIL,
    FLAG,
    METADATA,
    Cell,
    choice_cell,
    count_cell,
    instant_cell,
    label_cell,
    text_cell,
    unescape,
)
from .comparing import Compared
from .consistency import check_lines, check_money, check_past, check_presence
from .errors import BadValue, Problems
from .grouping import Layout, group_orders
from .imported import ImportedLine, ImportedOrder
from .reading import Record, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ADDRESSES = {
    f"{kind}_{name}": (f"{kind}_address", name)
    for kind in ("billing", "shipping")
    for name in ADDRESS_FIELDS
}
AMOUNTS = (
    "order_discount",
    "order_tax",
    "shipping_total",
    "authorized_total",
    "captured_total",
    "refunded_total",
    "charged_back_total",
)
ORDER_CELLS: Mapping[str, Cell] = {
    "channel": text_cell(64),
    "external_reference": text_cell(128),
    "status": choice_cell(Order.Status.values),
    "cancel_reason": choice_cell(Order.CancelReason.values, required=False),
    "close_reason": choice_cell(Order.CloseReason.values, required=False),
    "source": choice_cell(Order.Source.values),
    "payment_mode": choice_cell(Order.PaymentMode.values),
    "currency": CURRENCY,
    **dict.fromkeys(AMOUNTS, AMOUNT),
    "customer_email": EMAIL,
    "customer_name": text_cell(200),
    "customer_reference": text_cell(128),
    **{
        column: COUNTRY_CODE if name == "country" else ADDRESS_PART
        for column, (_, name) in ADDRESSES.items()
    },
    "created_at": instant_cell(required=True),
    "placed_at": instant_cell(),
    "authorized_at": instant_cell(),
    "captured_at": instant_cell(),
    "refunded_at": instant_cell(),
    "charged_back_at": instant_cell(),
    "shipped_at": instant_cell(),
    "delivered_at": instant_cell(),
    "returned_at": instant_cell(),
    "completed_at": instant_cell(),
    "closed_at": instant_cell(),
    "cancelled_at": instant_cell(),
    "updated_at": instant_cell(required=True),
    "payment_due_at": instant_cell(),
    "hold_reason": text_cell(200),
    "hold_until": instant_cell(),
    "automation_exempt": FLAG,
    "attention": label_cell(Order.Attention.values),
    "tags": label_cell(),
    "metadata": METADATA,
}
LINE_CELLS: Mapping[str, Cell] = {
    "position": count_cell(1),
    "sku": text_cell(64, required=True),
    "name": text_cell(255, required=True),
    "quantity": count_cell(1),
    "unit_price": AMOUNT,
    "line_discount": AMOUNT,
    "line_tax": AMOUNT,
    "requires_shipping": FLAG,
    "qty_fulfilled": count_cell(0),
    "qty_returned": count_cell(0),
    "qty_cancelled": count_cell(0),
}
COLUMNS = (*ORDER_CELLS, *LINE_CELLS)
KEY = ("channel", "external_reference")
# Beside the order's own discount and tax, "discount_total" would say too little.
LINE_ATTRIBUTES = {name: name for name in LINE_CELLS} | {
    "line_discount": "discount_total",
    "line_tax": "tax_total",
}
PLANS = ("payment_due_at", "hold_until")
PAST = [name for name in ORDER_CELLS if name.endswith("_at") and name not in PLANS]

# A note changes updated_at, and files do not hold notes: it is no difference.
COMPARED = Compared(
    order={
        name: name
        for name in (*ORDER_CELLS, "billing_address", "shipping_address")
        if name not in {*ADDRESSES, "updated_at"}
    }
    | {"number of lines": "line_count"},
    line={
        column: name for column, name in LINE_ATTRIBUTES.items() if column != "position"
    },
)


def read_orderdesk(
    path: Path,
    *,
    now: datetime | None = None,
    on_read: Callable[[int], object] | None = None,
) -> Iterator[ImportedOrder]:
    """Yield the orders of a file, in its order, as ``group_orders`` does.

    Nothing may have happened later than a day after `now`: clocks differ.
    """
    latest = (now or datetime.now(UTC)) + timedelta(days=1)
    problems = Problems()
    layout = Layout(
        key=KEY,
        order_columns=tuple(name for name in ORDER_CELLS if name not in KEY),
        line_key="position",
        read_line=_line,
        read_order=_order,
        check=partial(_check, latest=latest),
    )
    records = read_records(path, COLUMNS, problems, on_read=on_read)
    return group_orders(map(_unescaped, records), layout, problems)


def _unescaped(record: Record) -> Record:
    texts = {column: unescape(text) for column, text in record.texts.items()}
    return Record(record.line_number, texts)


def _line(record: Record, before: int) -> ImportedLine | None:
    if not before and not any(record[column] for column in LINE_CELLS):
        return None
    line = ImportedLine(
        line_number=record.line_number,
        **{
            LINE_ATTRIBUTES[column]: cell.read(column, record[column])
            for column, cell in LINE_CELLS.items()
        },
    )
    _check_amounts(line, record["currency"])
    _check_units(line)
    return line


def _check_amounts(line: ImportedLine, currency: str) -> None:
    """Check a line's amounts; an unknown currency is reported for the order."""
    columns = {name: column for column, name in LINE_ATTRIBUTES.items()}
    try:
        if currency in CURRENCIES:
            check_line("line", line, currency)
    except InvalidInput as error:
        name = error.field.removeprefix("line.")
        value = str(getattr(line, name))
        remedy = "Correct the line's amounts, at the currency's decimal places"
        column = columns.get(name, name)
        raise BadValue(column, value, error.problem, remedy) from error


def _check_units(line: ImportedLine) -> None:
    shipped, returned = str(line.qty_fulfilled), str(line.qty_returned)
    if line.qty_fulfilled + line.qty_cancelled > line.quantity:
        sentence = "is more than the quantity, together with the cancelled units"
        raise BadValue("qty_fulfilled", shipped, sentence, "Correct one of the three")
    if line.qty_fulfilled and not line.requires_shipping:
        sentence = "belongs to a line that requires no shipping"
        raise BadValue("qty_fulfilled", shipped, sentence, "Correct one of the two")
    if line.qty_returned > line.qty_fulfilled:
        sentence = "is more than was shipped"
        raise BadValue("qty_returned", returned, sentence, "Correct one of the two")


def _order(first: Record, lines: tuple[ImportedLine, ...]) -> ImportedOrder:
    values = {name: cell.read(name, first[name]) for name, cell in ORDER_CELLS.items()}
    parts = {column: values.pop(column) for column in ADDRESSES}
    return ImportedOrder(
        line_number=first.line_number,
        lines=lines,
        billing_address=_address("billing_address", parts),
        shipping_address=_address("shipping_address", parts),
        **values,
    )


def _address(attribute: str, parts: Mapping[str, str]) -> dict[str, str]:
    return {
        name: parts[column]
        for column, (address, name) in ADDRESSES.items()
        if address == attribute and parts[column]
    }


def _check(order: ImportedOrder, first: Record, *, latest: datetime) -> None:
    check_lines(order, first)
    check_money(order, first, AMOUNTS)
    check_past(order, first, PAST, latest)
    check_presence(order, first)
