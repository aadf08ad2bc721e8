"""What the made-up shop sells: things for kitchen and table, in five currencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from random import Random

from orders.money import round_money
from orders.services.drafting import LineDraft


class Shelf(Enum):
    """How many units are free to sell; the least and the most."""

    PLENTY = (15, 120)
    SCARCE = (0, 2)
    #: Nothing on hand, and orders are taken all the same.
    BACKORDER = (0, 0)


@dataclass(frozen=True, slots=True)
class Product:
    """One article. ``euros`` is about what it costs, before tax."""

    sku: str
    name: str
    euros: int
    shelf: Shelf = Shelf.PLENTY
    requires_shipping: bool = True


PRODUCTS = (
    Product("MUG-ENA-WHT", "Enamel mug, white, 0.35 l", 12),
    Product("MUG-ENA-BLU", "Enamel mug, cobalt blue, 0.35 l", 12),
    Product("BWL-STN-S", "Stoneware bowl, small", 16),
    Product("BWL-STN-L", "Stoneware bowl, large", 27),
    Product("PLT-STN-27", "Stoneware plate, 27 cm", 19),
    Product("TEA-POT-CST", "Cast-iron teapot, 0.8 l", 59, Shelf.SCARCE),
    Product("KTL-GSN-1L", "Gooseneck kettle, 1 l", 79),
    Product("CFE-DRP-02", "Coffee dripper, size 02", 24),
    Product("CFE-FLT-100", "Paper filters, 100 pieces", 6),
    Product("CFE-GRD-HND", "Hand coffee grinder", 98, Shelf.BACKORDER),
    Product("KNF-SAN-17", "Santoku knife, 17 cm", 89, Shelf.SCARCE),
    Product("KNF-PAR-09", "Paring knife, 9 cm", 29),
    Product("BRD-OAK-40", "Oak cutting board, 40 x 28 cm", 45),
    Product("PAN-IRN-26", "Wrought-iron pan, 26 cm", 52),
    Product("POT-CST-4L", "Cast-iron casserole, 4 l", 139, Shelf.SCARCE),
    Product("TWL-LIN-2", "Linen tea towels, set of 2", 22),
    Product("APR-LIN-GRY", "Linen apron, grey", 38),
    Product("SPN-BCH-3", "Beech spoons, set of 3", 14),
    Product("MIL-PEP-18", "Pepper mill, 18 cm", 42),
    Product("JAR-GLS-1L", "Preserving jar, 1 l", 5),
    Product("CND-BWX-2", "Beeswax candles, pair", 11),
    Product("GLS-WTR-6", "Water glasses, set of 6", 33),
)
#: Not tracked: they do not run out.
GIFT_CARD = Product("GIFT-CARD", "Gift card", 50, requires_shipping=False)
SAMPLE = Product("SMP-GLAZE", "Glaze samples, box of 8", 0)
BACKORDERED = tuple(one for one in PRODUCTS if one.shelf is Shelf.BACKORDER)
ON_SHELF = tuple(one for one in PRODUCTS if one.shelf is not Shelf.BACKORDER)


@dataclass(frozen=True, slots=True)
class Tariff:
    """How prices look in a currency: whole steps, and a little off."""

    rate: Decimal
    step: Decimal
    off: Decimal
    shipping: Decimal


TARIFFS = {
    "EUR": Tariff(Decimal(1), Decimal(1), Decimal("0.10"), Decimal("4.90")),
    "USD": Tariff(Decimal("1.1"), Decimal(1), Decimal("0.01"), Decimal("6.95")),
    "GBP": Tariff(Decimal("0.86"), Decimal(1), Decimal("0.05"), Decimal("3.95")),
    "JPY": Tariff(Decimal(160), Decimal(100), Decimal(20), Decimal(660)),
    "KWD": Tariff(Decimal("0.33"), Decimal("0.250"), Decimal(0), Decimal("1.500")),
}


@dataclass(frozen=True, slots=True)
class Till:
    """Where a basket is paid for: its currency, and the tax of its country.

    ``voucher_percent`` is taken off what has no discount of its own.
    """

    currency: str
    tax_percent: int
    voucher_percent: int = 0

    def price(self, product: Product) -> Decimal:
        tariff = TARIFFS[self.currency]
        steps = (product.euros * tariff.rate / tariff.step).to_integral_value()
        return max(steps * tariff.step - tariff.off, Decimal(0))

    def shipping(self, lines: Sequence[LineDraft]) -> Decimal:
        """Return what sending costs: nothing from a certain value on."""
        charge = TARIFFS[self.currency].shipping
        goods = sum(line.line_total for line in lines if line.requires_shipping)
        return charge if 0 < goods < 16 * charge else Decimal(0)

    def share(self, amount: Decimal, percent: int) -> Decimal:
        return round_money(amount * percent / 100, self.currency)

    def line(self, product: Product, quantity: int, discount: int = 0) -> LineDraft:
        """Ring up one position; ``discount`` is in percent of its price."""
        price = self.price(product)
        percent = discount or self.voucher_percent
        discount_total = self.share(quantity * price, percent)
        return LineDraft(
            sku=product.sku,
            name=product.name,
            quantity=quantity,
            unit_price=price,
            discount_total=discount_total,
            tax_total=self.share(quantity * price - discount_total, self.tax_percent),
            requires_shipping=product.requires_shipping,
        )


#: Fills a basket at a till.
Basket = Callable[[Random, Till], Sequence[LineDraft]]


def few(rng: Random, till: Till) -> list[LineDraft]:
    """Fill the basket of a household."""
    chosen = rng.sample(PRODUCTS, rng.choice((1, 1, 2, 2, 3)))
    return [till.line(product, rng.choice((1, 1, 1, 2, 4))) for product in chosen]


def several(rng: Random, till: Till) -> list[LineDraft]:
    """Fill a basket that can be sent in two parcels."""
    chosen = rng.sample(ON_SHELF, rng.choice((2, 3, 4)))
    return [till.line(product, rng.choice((1, 1, 2))) for product in chosen]


def bulk(rng: Random, till: Till) -> list[LineDraft]:
    """Fill the basket of a business: by the half dozen, at a discount."""
    chosen = rng.sample(ON_SHELF, rng.choice((2, 3, 4, 5)))
    return [till.line(product, 6 * rng.randint(1, 8), 15) for product in chosen]


def with_backorder(rng: Random, till: Till) -> list[LineDraft]:
    """Fill a basket of which a part has yet to come in; that part stands last."""
    chosen = [*rng.sample(ON_SHELF, 2), rng.choice(BACKORDERED)]
    return [till.line(product, 1) for product in chosen]


def gift_card(rng: Random, till: Till) -> list[LineDraft]:
    """Fill a basket with nothing to send."""
    return [till.line(GIFT_CARD, rng.choice((1, 1, 2)))]


def sample(_rng: Random, till: Till) -> list[LineDraft]:
    """Fill a basket with nothing to pay."""
    return [till.line(SAMPLE, 1)]
