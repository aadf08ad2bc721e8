"""Numbers in cells: plain digits, and never more than a column holds."""

from __future__ import annotations

import re
from decimal import Decimal

from orders.money import LARGEST_AMOUNT
from orders.services.drafting import LARGEST_QUANTITY

from .errors import BadValue

PLAIN_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,20})?", re.ASCII)
WHOLE_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)


def plain_number(field: str, text: str) -> Decimal:
    """Return a decimal number from 0 to the largest amount. Raises BadValue."""
    if not PLAIN_NUMBER.fullmatch(text):
        raise BadValue(
            field,
            text,
            "is not a plain decimal number",
            "Write digits with a point, such as 1234.5",
        )
    number = Decimal(text)
    if number.is_signed():
        raise BadValue(field, text, "is negative", "Write 0 or more")
    if number > LARGEST_AMOUNT:
        raise too_large(field, text)
    return number


def too_large(field: str, text: str) -> BadValue:
    sentence = f"gives an amount above {LARGEST_AMOUNT}"
    return BadValue(field, text, sentence, "Correct it")


def whole_number(field: str, text: str, least: int, remedy: str) -> int:
    """Return a count of at least ``least``. Raises BadValue with the remedy."""
    number = int(text) if WHOLE_NUMBER.fullmatch(text) else -1
    if not least <= number <= LARGEST_QUANTITY:
        sentence = f"is not a whole number from {least} to {LARGEST_QUANTITY}"
        raise BadValue(field, text, sentence, remedy)
    return number
