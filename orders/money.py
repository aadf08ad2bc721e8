"""Amounts at their currency's own precision.

ISO 4217 gives each currency its exponent: the number of decimal places of its
minor unit. Three is the most that ``numeric(14,3)`` holds, so the accounting
units with four (CLF, UYW) are not taken.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

MAX_DIGITS = 14
DECIMAL_PLACES = 3
LARGEST_AMOUNT = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES) - Decimal("0.001")

_ZERO_DECIMALS = frozenset(
    """
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
    """.split()  # noqa: SIM905 - a table, read as one
)
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_TWO_DECIMALS = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN
    BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
    GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD
    KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
    NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG
    SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
    USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a table, read as one
)
CURRENCIES = _ZERO_DECIMALS | _TWO_DECIMALS | _THREE_DECIMALS


def exponent(currency: str) -> int:
    """Return the number of decimal places of a currency (ISO 4217).

    Raises KeyError for a code that is not a currency of today.
    """
    if currency not in CURRENCIES:
        raise KeyError(currency)
    if currency in _ZERO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's exponent, as invoices do."""
    return amount.quantize(Decimal(1).scaleb(-exponent(currency)), ROUND_HALF_UP)


def is_exact(amount: Decimal, currency: str) -> bool:
    """Tell whether an amount has no more places than its currency has."""
    return amount == round_money(amount, currency)
