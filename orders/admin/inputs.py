"""Fields that several forms of the desk ask with."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from orders.money import DECIMAL_PLACES, MAX_DIGITS

LONGEST_NOTE = 4000


def note_field(
    *, label: str = "Note", required: bool = False, help_text: str = ""
) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text=help_text or "Kept on the timeline, for staff.",
    )


def text_field(label: str, longest: int, **options: Any) -> forms.CharField:
    options.setdefault("required", False)
    widget = forms.TextInput(attrs={"class": "vTextField"})
    return forms.CharField(label=label, max_length=longest, widget=widget, **options)


def instant_field(label: str, **options: Any) -> forms.DateTimeField:
    """Ask for a date and a time, both in UTC."""
    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
    )
    return forms.DateTimeField(label=f"{label} (UTC)", widget=widget, **options)


def money_field(label: str, **options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=Decimal(0),
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
        **options,
    )


class ObjectField(forms.CharField):
    """A JSON object, written by hand."""

    widget = forms.Textarea

    def prepare_value(self, value: object) -> object:
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False)
        return value

    def to_python(self, value: str | None) -> Any:
        text = super().to_python(value)
        try:
            found = json.loads(text or "{}")
        except (ValueError, RecursionError):
            raise ValidationError("Enter valid JSON.") from None
        if not isinstance(found, dict):
            raise ValidationError('Enter a JSON object, such as {"key": "value"}.')
        return found
