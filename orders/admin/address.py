"""An address as a form asks for it: one input for each part."""

from __future__ import annotations

from typing import Any

from django import forms

from orders.models.address import ADDRESS_FIELDS, LONGEST_VALUE

LABELS = {
    "line1": "Street and number",
    "line2": "Second line",
    "region": "State or region",
    "country": "Country (two letters, such as DE)",
}


def filled(address: dict[str, str]) -> dict[str, str]:
    """Return the parts of an address that say something."""
    return {name: text for name, text in address.items() if text}


class AddressWidget(forms.MultiWidget):
    def __init__(self) -> None:
        labels = [LABELS.get(name, _in_words(name)) for name in ADDRESS_FIELDS]
        super().__init__(
            [
                forms.TextInput(attrs={"placeholder": label, "aria-label": label})
                for label in labels
            ],
            attrs={"class": "vTextField address"},
        )

    def decompress(self, value: dict[str, str] | None) -> list[str]:
        return [(value or {}).get(name, "") for name in ADDRESS_FIELDS]


class AddressField(forms.MultiValueField):
    """Becomes the object that an order keeps; parts left empty are left out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            [
                forms.CharField(max_length=LONGEST_VALUE, required=False)
                for _ in ADDRESS_FIELDS
            ],
            widget=AddressWidget(),
            required=False,
            require_all_fields=False,
            **options,
        )

    def compress(self, data_list: list[str]) -> dict[str, str]:
        parts = dict(zip(ADDRESS_FIELDS, data_list, strict=False))
        return filled(parts)


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()
