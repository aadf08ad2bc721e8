"""What a file holds, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from orders.money import round_money


def described(lines: int, totals: Mapping[str, Decimal]) -> str:
    """Return lines and totals by currency, such as "2 lines, 9.00 EUR, 100 JPY"."""
    amounts = [
        f"{round_money(total, currency):,} {currency}"
        for currency, total in sorted(totals.items())
    ]
    return ", ".join([f"{lines:,} lines", *amounts])
