"""Create the demo orders of the last two months, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random

from django.db import connection, transaction

from orders.exceptions import InvalidInput, OrderError
from orders.models import Order, StockItem
from orders.services.drafting import create_orders
from orders.services.stock import adjust_stock
from scheduling.clock import database_now

from .actions import Action, Subject
from .catalogue import PRODUCTS, Shelf
from .planning import Plan, plan_orders

DEFAULT_COUNT = 300
MOST_ORDERS = 5_000
DEFAULT_SEED = 1
#: Of the transaction that seeds, so that there is one at a time: "demo" in ASCII.
LOCK_KEY = 0x64656D6F
#: More than any demo sells; the final counts are set at the end.
FULL_SHELF = 1_000_000


class DemoRefused(OrderError):  # noqa: N818 - a refusal, named as staff would
    """Demo orders are not put among others."""


def is_empty() -> bool:
    """Tell whether there is neither an order nor a count of stock."""
    return not (Order.objects.exists() or StockItem.objects.exists())


def seed_demo(
    *,
    count: int = DEFAULT_COUNT,
    seed: int = DEFAULT_SEED,
    now: datetime | None = None,
    on_progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> None:
    """Create demo orders through the services, in their state as of now; all or none.

    The same seed gives the same orders on the same day, those of today dated
    relative to ``now``; ids and numbers are the database's. ``on_progress`` is told
    how many steps of how many are done. Raises DemoRefused if there are orders or
    stock, or another process is seeding, and InvalidInput for a count outside
    1..5,000.
    """
    if not 1 <= count <= MOST_ORDERS:
        raise InvalidInput("orders", f"must be between 1 and {MOST_ORDERS:,}")
    rng = Random(seed)  # noqa: S311 - not for secrets
    with transaction.atomic(durable=True):
        _only_on_an_empty_desk()
        plans = plan_orders(rng, count, now=now or database_now())
        _fill_shelves()
        _carry_out(plans, on_progress)
        _count_shelves(rng)


def _only_on_an_empty_desk() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_KEY])
        (alone,) = cursor.fetchone()
    if not alone:
        raise DemoRefused("Demo orders are being made already; nothing was changed.")
    if not is_empty():
        raise DemoRefused(
            "There are orders or stock here; demo orders go into an empty desk alone."
            " Nothing was changed."
        )


def _fill_shelves() -> None:
    """Stock enough of everything for every scenario."""
    for product in PRODUCTS:
        adjust_stock(product.sku, on_hand=FULL_SHELF)


def _count_shelves(rng: Random) -> None:
    """Set what is on hand to what is reserved plus what is free to sell.

    Of a backordered product nothing is on hand.
    """
    reserved = dict(StockItem.objects.values_list("sku", "reserved"))
    for product in PRODUCTS:
        backorder = product.shelf is Shelf.BACKORDER
        free = rng.randint(*product.shelf.value)
        on_hand = 0 if backorder else reserved[product.sku] + free
        adjust_stock(product.sku, on_hand=on_hand, allow_backorder=backorder)


def _carry_out(
    plans: Sequence[Plan], on_progress: Callable[[int, int], object]
) -> None:
    """Carry out the plans in chronological order, each action on a set of orders."""
    subjects: dict[str, Subject] = {}
    agenda = _agenda(plans)
    for done, ((at, action), concerned) in enumerate(agenda, start=1):
        if action is None:
            subjects |= {plan.token: _begin(plan) for plan in concerned}
        else:
            action([subjects[plan.token] for plan in concerned], at)
        on_progress(done, len(agenda))


def _agenda(
    plans: Sequence[Plan],
) -> list[tuple[tuple[datetime, Action | None], list[Plan]]]:
    """Return the actions in chronological order, with their orders; None: creation."""
    agenda: defaultdict[tuple[datetime, Action | None], list[Plan]]
    agenda = defaultdict(list)
    for plan in plans:
        agenda[plan.starts_at, None].append(plan)
        for at, action in plan.actions:
            agenda[at, action].append(plan)
    return sorted(agenda.items(), key=lambda item: item[0][0])


def _begin(plan: Plan) -> Subject:
    (order,) = create_orders([plan.draft], by=plan.channel.by, now=plan.starts_at)
    return Subject(
        order=order,
        by=plan.channel.by,
        provider=plan.provider,
        carrier=plan.carrier,
        token=plan.token,
    )
