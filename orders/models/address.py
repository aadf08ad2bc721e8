"""The shape of an address snapshot on an order."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

ADDRESS_FIELDS = (
    "name",
    "company",
    "line1",
    "line2",
    "city",
    "region",
    "postal_code",
    "country",
    "phone",
)
LONGEST_VALUE = 200


def validate_address(value: object) -> None:
    """Refuse anything but a flat object of known text fields.

    ``country`` is an ISO 3166-1 alpha-2 code. An empty object means no address.
    Raises ValidationError with one message for each wrong field.
    """
    if not isinstance(value, dict):
        raise ValidationError("An address is an object of text fields.")
    problems = [
        problem for name, text in value.items() if (problem := _problem(name, text))
    ]
    if problems:
        raise ValidationError(problems)


def _problem(name: str, text: object) -> str | None:
    if name not in ADDRESS_FIELDS:
        return f"“{name}” is not a field of an address ({', '.join(ADDRESS_FIELDS)})."
    if not isinstance(text, str) or len(text) > LONGEST_VALUE or "\0" in text:
        return f"“{name}” is a text of at most {LONGEST_VALUE} characters."
    if name == "country" and not re.fullmatch(r"[A-Z]{2}", text):
        return "“country” is a two-letter code, such as DE or US."
    return None
