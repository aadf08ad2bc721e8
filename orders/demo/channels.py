"""Where orders come from, and how each way of buying is paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from orders.models import Actor, Order, Origin

from .catalogue import Basket, bulk, few
from .customers import COUNTRIES, Country, Customer, business, passer_by, person

Source = Order.Source
Mode = Order.PaymentMode


def clerk(name: str) -> Actor:
    """Return a member of staff; there is no account of that name."""
    return Actor(kind=Actor.Kind.USER, origin=Origin.ADMIN, label=name)


def program(name: str) -> Actor:
    return Actor(kind=Actor.Kind.API_CLIENT, origin=Origin.API, label=name)


OFFICE = clerk("maria")
WAREHOUSE = clerk("tom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way in. ``reference`` spells the channel's own number of an order."""

    name: str
    source: Source
    payment_mode: Mode
    by: Actor
    reference: str = ""
    providers: tuple[str, ...] = ("",)
    customer: Callable[[Random, Country], Customer] = person
    basket: Basket = few
    countries: tuple[Country, ...] = COUNTRIES
    charges_shipping: bool = True


WEB = Channel(
    name="webshop",
    source=Source.WEB,
    payment_mode=Mode.ONLINE,
    by=program("webshop"),
    reference="WS-{}",
    providers=("stripe", "stripe", "paypal"),
)
WEB_TRANSFER = Channel(
    name="webshop",
    source=Source.WEB,
    payment_mode=Mode.OFFLINE,
    by=program("webshop"),
    reference="WS-{}",
    providers=("bank",),
)
WEB_ON_DELIVERY = Channel(
    name="webshop",
    source=Source.WEB,
    payment_mode=Mode.ON_DELIVERY,
    by=program("webshop"),
    reference="WS-{}",
    providers=("courier",),
)
MARKETPLACE = Channel(
    name="marketplace",
    source=Source.API,
    payment_mode=Mode.ONLINE,
    by=program("marketplace"),
    reference="408-{}-7716",
    providers=("marketplace",),
)
WHOLESALE = Channel(
    name="wholesale",
    source=Source.IMPORT,
    payment_mode=Mode.OFFLINE,
    by=Actor.system(Origin.IMPORT),
    reference="EDI-{}",
    providers=("bank",),
    customer=business,
    basket=bulk,
)
POS = Channel(
    name="pos",
    source=Source.POS,
    payment_mode=Mode.ON_DELIVERY,
    by=program("till-2"),
    reference="T2-{}",
    providers=("terminal", "terminal", "cash"),
    customer=passer_by,
    countries=COUNTRIES[:1],
    charges_shipping=False,
)
TELEPHONE = Channel(
    name="",
    source=Source.ADMIN,
    payment_mode=Mode.OFFLINE,
    by=OFFICE,
    providers=("bank",),
)
GRATIS = Channel(
    name="",
    source=Source.ADMIN,
    payment_mode=Mode.NONE,
    by=OFFICE,
    charges_shipping=False,
)
CHECKOUTS = (WEB, WEB, WEB, MARKETPLACE)
INVOICES = (WHOLESALE, WEB_TRANSFER, TELEPHONE)
EVERYWHERE = (*CHECKOUTS, *INVOICES)
