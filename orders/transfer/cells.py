"""How values are written in the cells of our own format, and which are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from orders.exceptions import InvalidInput
from orders.models.address import LONGEST_VALUE
from orders.money import CURRENCIES
from orders.services.input import (
    check_email,
    check_instant,
    check_json,
    check_tags,
    check_text,
)

from .errors import BadValue
from .numbers import plain_number, whole_number

# Spreadsheets take what begins so for a formula, and run it; some know the four signs
# in full width too.
FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
ESCAPED_FORMULA = re.compile(r"'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cell:
    """What a column holds.

    ``read`` takes the column's name and a text, and raises BadValue; ``show`` takes
    what the database gives, which is never None.
    """

    read: Callable[[str, str], Any]
    show: Callable[[Any], str] = str


def escape(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run, escaped or not."""
    return f"'{text}" if FORMULA.match(text) else text


def unescape(text: str) -> str:
    """Take away the apostrophe that ``escape`` puts there, and no other."""
    return text[1:] if ESCAPED_FORMULA.match(text) else text


@contextmanager
def refusing(field: str, text: str | None, remedy: str) -> Iterator[None]:
    """Turn what a service says of a value into what is said of a cell."""
    try:
        yield
    except InvalidInput as error:
        raise BadValue(field, text, error.problem, remedy) from error


def text_cell(longest: int, *, required: bool = False) -> Cell:
    remedy = f"Write {int(required)} to {longest} characters"

    def read(field: str, text: str) -> str:
        with refusing(field, text, remedy):
            check_text(field, text, longest=longest, required=required)
        return text

    return Cell(read)


def choice_cell(choices: Collection[str], *, required: bool = True) -> Cell:
    def read(field: str, text: str) -> str:
        if text not in choices and (text or required):
            known = ", ".join(choices)
            remedy = f"Write one of {known}{'' if required else ', or nothing'}"
            raise BadValue(field, text, "is not known", remedy)
        return text

    return Cell(read)


def count_cell(least: int) -> Cell:
    def read(field: str, text: str) -> int:
        return whole_number(field, text, least, "Write a number in digits only")

    return Cell(read)


def instant_cell(*, required: bool = False) -> Cell:
    def read(field: str, text: str) -> datetime | None:
        return _instant(field, text) if text or required else None

    return Cell(read, _rfc_3339)


def _rfc_3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(field: str, text: str) -> datetime:
    instant = _parsed(text) if RFC_3339.fullmatch(text) else None
    remedy = "Write it as 2026-03-29T12:00:00Z"
    if instant is None:
        raise BadValue(field, text, "is not an RFC 3339 time", remedy)
    with refusing(field, text, remedy):
        check_instant(field, instant)
    return instant.astimezone(UTC)


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _flag(field: str, text: str) -> bool:
    """Return a truth; spreadsheets write TRUE for true."""
    if text.lower() not in ("true", "false"):
        raise BadValue(field, text, "is not known", "Write true or false")
    return text.lower() == "true"


def _currency(field: str, text: str) -> str:
    if text not in CURRENCIES:
        raise BadValue(field, text, "is not an ISO 4217 code", "Write one, such as EUR")
    return text


def _email(field: str, text: str) -> str:
    with refusing(field, text, "Correct it, or leave it empty"):
        check_email(text)
    return text


def _country(field: str, text: str) -> str:
    if text and not COUNTRY.fullmatch(text):
        remedy = "Write two letters, such as DE or US"
        raise BadValue(field, text, "is not a country code", remedy)
    return text


def _json(field: str, text: str, remedy: str) -> object:
    try:
        given: object = json.loads(text)
    except (ValueError, RecursionError):
        raise BadValue(field, text, "is not valid JSON", remedy) from None
    return given


def _metadata(field: str, text: str) -> dict[str, Any]:
    remedy = 'Write a JSON object, such as {"gift": true}'
    given = _json(field, text or "{}", remedy)
    with refusing(field, text, remedy):
        check_json(field, given)
    return cast("dict[str, Any]", given)


def _texts(field: str, text: str) -> list[str]:
    remedy = 'Write a JSON list of texts, each once, such as ["gift", "rush"]'
    given = _json(field, text or "[]", remedy)
    if not isinstance(given, list):
        raise BadValue(field, text, "is not a list", remedy)
    with refusing(field, text, remedy):
        unique = check_tags(given)
    if len(unique) < len(given):
        raise BadValue(field, text, "contains a duplicate", remedy)
    return given


def label_cell(choices: Collection[str] = ()) -> Cell:
    """Return a list of texts in its own order, of ``choices`` where there are any."""

    def read(field: str, text: str) -> list[str]:
        labels = _texts(field, text)
        unknown = [label for label in labels if choices and label not in choices]
        if unknown:
            remedy = f"Write some of {', '.join(choices)}"
            raise BadValue(field, text, f"“{unknown[0]}” is not known", remedy)
        return labels

    return Cell(
        read, lambda labels: json.dumps(labels, ensure_ascii=False) if labels else ""
    )


AMOUNT = Cell(plain_number, lambda amount: f"{amount:f}")
FLAG = Cell(_flag, lambda flag: "true" if flag else "false")
CURRENCY = Cell(_currency)
EMAIL = Cell(_email)
COUNTRY_CODE = Cell(_country)
ADDRESS_PART = text_cell(LONGEST_VALUE)
# PostgreSQL's own text of it, in which no number has been through a float.
METADATA = Cell(_metadata, lambda text: "" if text == "{}" else text)
