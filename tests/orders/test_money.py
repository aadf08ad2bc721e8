"""Amounts at their currency's own precision."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orders.money import CURRENCIES, LARGEST_AMOUNT, exponent, is_exact, round_money


@pytest.mark.parametrize(
    ("currency", "places"),
    [("JPY", 0), ("KRW", 0), ("EUR", 2), ("USD", 2), ("KWD", 3), ("TND", 3)],
)
def test_exponent_is_that_of_iso_4217(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("code", ["", "eur", "EURO", "XXX", "CLF", "DEM"])
def test_what_is_no_currency_has_no_exponent(code: str) -> None:
    with pytest.raises(KeyError):
        exponent(code)


def test_each_currency_has_one_exponent_that_the_columns_hold() -> None:
    assert {exponent(code) for code in CURRENCIES} == {0, 2, 3}
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.5", "JPY", "1"),
        ("0.4999", "JPY", "0"),
        ("2.5", "JPY", "3"),
        ("0.005", "EUR", "0.01"),
        ("0.015", "EUR", "0.02"),
        ("0.0149", "EUR", "0.01"),
        ("1.0005", "KWD", "1.001"),
    ],
)
def test_rounding_is_half_up(amount: str, currency: str, rounded: str) -> None:
    assert str(round_money(Decimal(amount), currency)) == rounded


@pytest.mark.parametrize(
    ("amount", "currency", "exact"),
    [
        ("1", "JPY", True),
        ("1.0", "JPY", True),
        ("1.1", "JPY", False),
        ("1.10", "EUR", True),
        ("1.100", "EUR", True),
        ("1.101", "EUR", False),
        ("1.101", "KWD", True),
        ("1.1011", "KWD", False),
    ],
)
def test_exactness_looks_at_the_value(amount: str, currency: str, exact: bool) -> None:  # noqa: FBT001
    assert is_exact(Decimal(amount), currency) is exact


def test_largest_amount_is_what_the_columns_hold() -> None:
    assert Decimal("99999999999.999") == LARGEST_AMOUNT
