"""Search orders by number, name, e-mail, reference or SKU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from orders.models import OrderLine

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from orders.models import Order

#: More words than anybody types; each one adds conditions.
MOST_WORDS = 8
#: Any number of so many digits fits a bigint.
LONGEST_NUMBER = 18
TEXTS = (
    "customer_email",
    "customer_name",
    "customer_reference",
    "external_reference",
)


def search_orders(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Keep the orders in which each word is found, in any order and case.

    ``#100001`` is a number and nothing else. A SKU counts whole.
    """
    for word in text.split()[:MOST_WORDS]:
        orders = orders.filter(_holds(word))
    return orders


def _holds(word: str) -> Q:
    digits = word.removeprefix("#")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER
    number = Q(number=int(digits)) if is_number else Q(pk=None)
    if is_number and word.startswith("#"):
        return number
    for name in TEXTS:
        number |= Q((f"{name}__icontains", word))
    lines = OrderLine.objects.filter(sku__iexact=word)
    return number | Q(pk__in=lines.values("order"))
