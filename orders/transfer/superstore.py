"""The "superstore" format: order lines of a US retailer, paid, shipped and done.

One record is one order line; consecutive records of one Order ID are one order. Sales
is what the line cost after Discount, a fraction; the price of a unit is not in the
file and is worked out from them. Everything is in US dollars.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import groupby
from typing import TYPE_CHECKING

from orders.money import LARGEST_AMOUNT, round_money
from orders.transfer.errors import BadValue, Problem, Problems
from orders.transfer.reading import Record, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
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

EARLIEST = date(1980, 1, 1)
MOST_LINES = 10_000
LARGEST_QUANTITY = 2**31 - 1
# Enough for exact products of any three values that the patterns let through.
PRECISION = 80

PLAIN_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,20})?", re.ASCII)
WHOLE_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
ZIP_CODE = re.compile(r"[0-9]{3,5}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLine:
    """One order line; ``line_number`` is the file's, ``position`` the order's."""

    line_number: int
    position: int
    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    discount_total: Decimal
    line_total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedOrder:
    """One order with its lines; it was paid and delivered on ``shipped_on``."""

    line_number: int
    reference: str
    placed_on: date
    shipped_on: date
    customer_name: str
    customer_reference: str
    shipping_address: Mapping[str, str]
    lines: tuple[ImportedLine, ...]

    @property
    def subtotal(self) -> Decimal:
        """What the units cost before discounts."""
        return sum((line.quantity * line.unit_price for line in self.lines), Decimal(0))

    @property
    def discount_total(self) -> Decimal:
        """What the discounts took off."""
        return sum((line.discount_total for line in self.lines), Decimal(0))

    @property
    def grand_total(self) -> Decimal:
        """What the customer paid."""
        return sum((line.line_total for line in self.lines), Decimal(0))


def read_superstore(
    path: Path,
    *,
    today: date | None = None,
    on_read: Callable[[int], object] | None = None,
) -> Iterator[ImportedOrder]:
    """Yield the orders of a file, in its order, one in memory at a time.

    Raises InvalidFile, at the end or where no reading on is possible, with up to fifty
    problems. Orders may have been yielded by then: the caller keeps none of them. From
    the first problem on nothing more is yielded, while the rest is still checked.
    Beside the order in hand only the references are kept, to notice one that comes
    back. No date may lie after `today` (one day of grace for time zones).
    """
    latest = (today or datetime.now(UTC).date()) + timedelta(days=1)
    problems = Problems()
    records = read_records(path, COLUMNS, problems, on_read=on_read)
    seen: dict[str, int] = {}
    for reference, group in groupby(records, key=lambda record: record["Order ID"]):
        order = _order(reference, group, latest=latest, seen=seen, problems=problems)
        if order and not problems:
            yield order
    problems.refuse_if_any()


def _order(
    reference: str,
    records: Iterable[Record],
    *,
    latest: date,
    seen: dict[str, int],
    problems: Problems,
) -> ImportedOrder | None:
    """Return the order that consecutive records make; None where one is at fault."""
    records = iter(records)
    first = next(records)
    if reference in seen:
        problems.add(_comes_back(reference, seen[reference], first.line_number))
        return None
    seen[reference] = first.line_number
    lines = _lines(first, records, problems)
    try:
        return _assembled(first, lines, latest)
    except BadValue as error:
        problems.add_value(error, first.line_number)
        return None


def _comes_back(reference: str, before: int, now: int) -> Problem:
    return Problem(
        lines=(before, now),
        field="Order ID",
        value=reference,
        sentence="comes back after other orders",
        remedy="Put the lines of one order together, or give this one its own ID",
    )


def _lines(
    first: Record, rest: Iterator[Record], problems: Problems
) -> tuple[ImportedLine, ...]:
    """Return the lines that can be taken; the others go to `problems`."""
    lines: list[ImportedLine] = []
    row_lines: dict[str, int] = {}
    for position, record in enumerate(_and_rest(first, rest), 1):
        if position > MOST_LINES:
            raise problems.stop(_too_many(record))
        for problem in _contradictions(first, record, row_lines):
            problems.add(problem)
        row_lines.setdefault(record["Row ID"], record.line_number)
        try:
            lines.append(_line(record, position))
        except BadValue as error:
            problems.add_value(error, record.line_number)
    return tuple(lines)


def _and_rest(first: Record, rest: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _too_many(record: Record) -> Problem:
    return Problem(
        lines=(record.line_number,),
        field="Order ID",
        value=record["Order ID"],
        sentence=f"has more than {MOST_LINES:,} lines",
        remedy="Give each order its own ID",
    )


def _contradictions(
    first: Record, record: Record, row_lines: Mapping[str, int]
) -> Iterator[Problem]:
    """Yield what a record says otherwise than its order, or says a second time."""
    for column in ORDER_COLUMNS:
        if record[column] != first[column]:
            yield Problem(
                lines=(first.line_number, record.line_number),
                field=column,
                value=record[column],
                sentence="differs within one order",
                remedy="Give every line of the order the same value",
            )
    if record["Row ID"] in row_lines:
        yield Problem(
            lines=(row_lines[record["Row ID"]], record.line_number),
            field="Row ID",
            value=record["Row ID"],
            sentence="stands twice in one order",
            remedy="Remove the repeated line, or number it",
        )


def _assembled(
    first: Record, lines: tuple[ImportedLine, ...], latest: date
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
    order = ImportedOrder(
        line_number=first.line_number,
        reference=_key(first, "Order ID", longest=128),
        placed_on=placed_on,
        shipped_on=shipped_on,
        customer_name=_text(first, "Customer Name", longest=200),
        customer_reference=_key(first, "Customer ID", longest=128),
        shipping_address=_address(first),
        lines=lines,
    )
    if order.subtotal > LARGEST_AMOUNT:
        raise _too_large("Sales", str(order.subtotal))
    return order


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


def _line(record: Record, position: int) -> ImportedLine:
    sales = _number(record, "Sales")
    quantity = _quantity(record["Quantity"])
    unit_price = _unit_price(sales, quantity, _discount(record))
    line_total = round_money(sales, CURRENCY)
    return ImportedLine(
        line_number=record.line_number,
        position=position,
        sku=_key(record, "Product ID", longest=64),
        name=_text(record, "Product Name", longest=255),
        quantity=quantity,
        unit_price=unit_price,
        discount_total=quantity * unit_price - line_total,
        line_total=line_total,
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
            raise _too_large("Sales", str(sales))
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
    text = record[column]
    if not PLAIN_NUMBER.fullmatch(text):
        raise BadValue(
            column,
            text,
            "is not a plain decimal number",
            "Write digits with a point, such as 1234.5",
        )
    number = Decimal(text)
    if number.is_signed():
        raise BadValue(column, text, "is negative", "Write 0 or more")
    if number > LARGEST_AMOUNT:
        raise _too_large(column, text)
    return number


def _too_large(column: str, text: str) -> BadValue:
    sentence = f"makes an amount above {LARGEST_AMOUNT}"
    return BadValue(column, text, sentence, "Correct it")


def _quantity(text: str) -> int:
    quantity = int(text) if WHOLE_NUMBER.fullmatch(text) else 0
    if not 1 <= quantity <= LARGEST_QUANTITY:
        raise BadValue(
            "Quantity",
            text,
            f"is not a whole number from 1 to {LARGEST_QUANTITY}",
            "Write how many units were sold",
        )
    return quantity


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
