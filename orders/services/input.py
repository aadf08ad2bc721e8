"""Checks of values, whatever the state of the order. All raise InvalidInput."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from orders.exceptions import InvalidInput
from orders.models.address import validate_address
from orders.models.order import JSON_LIMIT, MOST_TAGS
from orders.money import CURRENCIES, LARGEST_AMOUNT, exponent, is_exact

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_TAG = 64
#: NUL as JSON spells it; a backslash that is itself escaped spells none.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def check_currency(code: str) -> None:
    if code not in CURRENCIES:
        raise InvalidInput("currency", f"“{code}” is not an ISO 4217 code such as EUR")


def check_amount(field: str, amount: object, currency: str) -> None:
    """Refuse what is not an amount from 0 up, exact in its currency."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise InvalidInput(field, "must be a decimal number")
    if not 0 <= amount <= LARGEST_AMOUNT:
        raise InvalidInput(field, f"must be between 0 and {LARGEST_AMOUNT}")
    if not is_exact(amount, currency):
        places = exponent(currency)
        raise InvalidInput(field, f"{currency} has {places} decimal places")


def check_text(
    field: str, text: object, *, longest: int, required: bool = False
) -> None:
    if not isinstance(text, str):
        raise InvalidInput(field, "must be a text")
    if required and not text.strip():
        raise InvalidInput(field, "is empty")
    if len(text) > longest:
        raise InvalidInput(field, f"is longer than {longest} characters")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(field, "contains a character that is not text")


def check_choice(field: str, value: str, choices: Iterable[str]) -> None:
    known = list(choices)
    if value not in known:
        raise InvalidInput(field, f"“{value}” is not one of {', '.join(known)}")


def check_email(email: str) -> None:
    """Refuse an address that mail could not go to; none at all is fine."""
    check_text("customer_email", email, longest=254)
    try:
        if email:
            validate_email(email)
    except ValidationError:
        raise InvalidInput("customer_email", "is not an e-mail address") from None


def check_address(field: str, address: object) -> None:
    check_json(field, address)
    try:
        validate_address(address)
    except ValidationError as error:
        raise InvalidInput(field, " ".join(error.messages)) from None


def check_json(field: str, value: object) -> None:
    """Refuse what is no JSON object of at most 16 KB that PostgreSQL stores."""
    if not isinstance(value, dict):
        raise InvalidInput(field, "must be an object")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput(field, "is not valid JSON") from None
    if NUL.search(text):
        raise InvalidInput(field, "contains a NUL character")
    if size > JSON_LIMIT:
        raise InvalidInput(field, f"is larger than {JSON_LIMIT} bytes")


def check_tags(tags: Iterable[str]) -> list[str]:
    """Return tags sorted, each once."""
    given = [tags] if isinstance(tags, str) else list(tags)
    for tag in given:
        check_text("tags", tag, longest=LONGEST_TAG, required=True)
    unique = sorted(set(given))
    if len(unique) > MOST_TAGS:
        raise InvalidInput("tags", f"are more than {MOST_TAGS}")
    return unique


def check_instant(field: str, instant: object) -> None:
    """Refuse what is neither None nor an instant that can be read back as UTC.

    PostgreSQL takes the year 10000, in which 9999 ends west of Greenwich; Python
    then cannot read the row.
    """
    if instant is None:
        return
    if not isinstance(instant, datetime) or instant.utcoffset() is None:
        raise InvalidInput(field, "must be a time with its time zone")
    try:
        instant.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field, "lies outside the years 1 to 9999") from None
