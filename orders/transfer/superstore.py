"""The "superstore" format: order lines of a US retailer, paid, shipped and done.

One record is one order line; consecutive records of one Order ID are one order. Sales
is what the line cost after Discount, a fraction; the unit price is not in the file
and is calculated from them. Everything is in US dollars.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings

from orders.models import Order
from orders.money import LARGEST_AMOUNT, round_money

from .comparing import Compared
from .errors import BadValue, Problems
from .grouping import Layout, group_orders
from .imported import ImportedLine, ImportedOrder
from .numbers import plain_number, too_large, whole_number
from .reading import Record, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHANNEL = "superstore"
CURRENCY = "USD"

COLUMNS = (
    "Row ID",
    "Order ID",
    "Order Date",
    "Ship Date",
    "Ship Mode",
    "Customer ID",
    "Customer Name",
    "Segment",
    "Country",
    "City",
    "State",
    "Postal Code",
    "Region",
    "Product ID",
    "Category",
    "Sub-Category",
    "Product Name",
    "Sales",
    "Quantity",
    "Discount",
    "Profit",
)
# What an order says once; its records must agree.
ORDER_COLUMNS = (
    "Order Date",
    "Ship Date",
    "Customer ID",
    "Customer Name",
    "Country",
    "City",
    "State",
    "Postal Code",
)
COUNTRIES = {"United States": "US"}

# What happened to an order since (a refund, closing) is no difference.
COMPARED = Compared(
    order={
        "order date": "placed_at",
        "ship date": "shipped_at",
        "customer name": "customer_name",
        "customer reference": "customer_reference",
        "shipping address": "shipping_address",
        "number of lines": "line_count",
        "currency": "currency",
        "total": "grand_total",
    },
    line={
        "SKU": "sku",
        "name": "name",
        "quantity": "quantity",
        "unit price": "unit_price",
        "discount": "discount_total",
        "line total": "line_total",
    },
)

EARLIEST = date(1980, 1, 1)
# Enough for exact products of any three values that the patterns let through.
PRECISION = 80

ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
ZIP_CODE = re.compile(r"[0-9]{3,5}", re.ASCII)


def read_superstore(
    path: Path,
    *,
    today: date | None = None,
    on_read: Callable[[int], object] | None = None,
) -> Iterator[ImportedOrder]:
    """Yield the orders of a file, in its order, as ``group_orders`` does.

    No date may lie after `today` (one day of grace for time zones).
    """
    latest = (today or datetime.now(UTC).date()) + timedelta(days=1)
    problems = Problems()
    layout = Layout(
        key=("Order ID",),
        order_columns=ORDER_COLUMNS,
        line_key="Row ID",
        read_line=_line,
        read_order=partial(_order, latest=latest),
    )
    records = read_records(path, COLUMNS, problems, on_read=on_read)
    return group_orders(records, layout, problems)


def _order(
    first: Record, lines: tuple[ImportedLine, ...], *, latest: date
) -> ImportedOrder:
    placed_on = _date(first, "Order Date", latest)
    shipped_on = _date(first, "Ship Date", latest)
    if shipped_on < placed_on:
        raise BadValue(
            "Ship Date",
            first["Ship Date"],
            f"is before the order, {placed_on}",
            "Exchange the dates, or correct one",
        )
    placed_at, shipped_at = _midnight(placed_on), _midnight(shipped_on)
    gross = sum((line.quantity * line.unit_price for line in lines), Decimal(0))
    if gross > LARGEST_AMOUNT:
        raise too_large("Sales", str(gross))
    paid = sum((line.line_total for line in lines), Decimal(0))
    return ImportedOrder(
        line_number=first.line_number,
        channel=CHANNEL,
        external_reference=_key(first, "Order ID", longest=128),
        source=Order.Source.IMPORT,
        payment_mode=Order.PaymentMode.OFFLINE,
        currency=CURRENCY,
        customer_name=_text(first, "Customer Name", longest=200),
        customer_reference=_key(first, "Customer ID", longest=128),
        shipping_address=_address(first),
        lines=lines,
        created_at=placed_at,
        placed_at=placed_at,
        captured_total=paid,
        captured_at=shipped_at if paid else None,
        shipped_at=shipped_at,
        delivered_at=shipped_at,
        completed_at=shipped_at,
        updated_at=shipped_at,
    )


def _midnight(day: date) -> datetime:
    """Return the instant at which a day begins where the business is."""
    return datetime.combine(day, time(), ZoneInfo(settings.BUSINESS_TIME_ZONE))


def _address(record: Record) -> dict[str, str]:
    return {
        "name": _text(record, "Customer Name", longest=200),
        "city": _text(record, "City", longest=200),
        "region": _text(record, "State", longest=200),
        "postal_code": _zip_code(record["Postal Code"]),
        "country": _country(record["Country"]),
    }


def _zip_code(text: str) -> str:
    """Return the five digits; New England's lose a leading zero in spreadsheets."""
    if not ZIP_CODE.fullmatch(text):
        raise BadValue("Postal Code", text, "is no ZIP code", "Write its five digits")
    return text.zfill(5)


def _country(text: str) -> str:
    if text not in COUNTRIES:
        known = ", ".join(COUNTRIES)
        raise BadValue("Country", text, "is not known", f"Known: {known}")
    return COUNTRIES[text]


def _line(record: Record, before: int) -> ImportedLine:
    sales = _number(record, "Sales")
    quantity = whole_number(
        "Quantity", record["Quantity"], 1, "Write how many units were sold"
    )
    unit_price = _unit_price(sales, quantity, _discount(record))
    return ImportedLine(
        line_number=record.line_number,
        position=before + 1,
        sku=_key(record, "Product ID", longest=64),
        name=_text(record, "Product Name", longest=255),
        quantity=quantity,
        unit_price=unit_price,
        discount_total=quantity * unit_price - round_money(sales, CURRENCY),
        qty_fulfilled=quantity,
    )


def _unit_price(sales: Decimal, quantity: int, discount: Decimal) -> Decimal:
    """Return what one unit cost before the discount.

    Always whole cents: prices are. Sales which no such price explains are refused
    rather than rounded, because then one of the three numbers is wrong.
    """
    with localcontext(prec=PRECISION):
        share = quantity * (1 - discount)
        price = sales / share
        if quantity * price > LARGEST_AMOUNT:
            raise too_large("Sales", str(sales))
        cents = round_money(price, CURRENCY)
        if cents * share != sales:
            raise BadValue(
                "Sales",
                str(sales),
                "no unit price in whole cents gives this",
                "Check it against Quantity and Discount",
            )
    return cents


def _discount(record: Record) -> Decimal:
    discount = _number(record, "Discount")
    if discount >= 1:
        raise BadValue(
            "Discount",
            record["Discount"],
            "is not less than 1",
            "Write a fraction, such as 0.2 for 20 %",
        )
    return discount


def _number(record: Record, column: str) -> Decimal:
    return plain_number(column, record[column])


def _date(record: Record, column: str, latest: date) -> date:
    text = record[column]
    day = _iso_date(text) if ISO_DATE.fullmatch(text) else None
    if day is None:
        raise BadValue(column, text, "is no date", "Write it as 2016-11-08")
    if not EARLIEST <= day <= latest:
        sentence = f"is not between {EARLIEST} and {latest}"
        raise BadValue(column, text, sentence, "Correct it")
    return day


def _iso_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _key(record: Record, column: str, *, longest: int) -> str:
    """Return a text that is compared with others, so no space may hide in it."""
    text = _text(record, column, longest=longest)
    if text != text.strip():
        raise BadValue(column, text, "has space around it", "Remove the space")
    return text


def _text(record: Record, column: str, *, longest: int) -> str:
    text = record[column]
    if not text.strip():
        raise BadValue(column, text, "is empty", "Fill it in")
    if len(text) > longest:
        sentence = f"is longer than {longest} characters"
        raise BadValue(column, text, sentence, "Shorten it")
    if not text.isprintable() and any(_is_control(character) for character in text):
        raise BadValue(column, text, "holds a control character", "Remove it")
    return text


def _is_control(character: str) -> bool:
    return ord(character) < ord(" ") or "\x7f" <= character <= "\x9f"
