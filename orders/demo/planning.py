"""Choose at random who orders what, when, and which scenario each order follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from orders.services.drafting import OrderDraft

from .actions import Action
from .catalogue import Till
from .channels import Channel
from .customers import Country
from .scenarios import SCENARIOS, Scenario, Step

#: The number that the first of the orders has at its channel.
FIRST_REFERENCE = 20417
OPENS, CLOSES = 7 * 3600, 22 * 3600 - 1
#: One in a dozen has ten percent off, and as many have a tag.
VOUCHERS = (10, *(0,) * 11)
TAGS = (("gift wrap",), ("regular",), ("press",), ("fragile",), *((),) * 44)


@dataclass(frozen=True, slots=True)
class Plan:
    """An order to create, and the actions on it in chronological order."""

    draft: OrderDraft
    channel: Channel
    starts_at: datetime
    actions: tuple[tuple[datetime, Action], ...]
    provider: str
    carrier: str
    token: str


def plan_orders(rng: Random, count: int, *, now: datetime) -> list[Plan]:
    """Return so many plans in the order of their start, all of them over by now."""
    first = SCENARIOS[:count]
    weights = [scenario.weight for scenario in SCENARIOS]
    more = rng.choices(SCENARIOS, weights, k=count - len(first))
    plans = [_plan(rng, scenario, now) for scenario in (*first, *more)]
    plans.sort(key=lambda plan: plan.starts_at)
    return [_numbered(plan, number) for number, plan in enumerate(plans)]


def _plan(rng: Random, scenario: Scenario, now: datetime) -> Plan:
    channel = rng.choice(scenario.channels)
    weights = [country.weight for country in channel.countries]
    (country,) = rng.choices(channel.countries, weights)
    starts_at = _start(rng, scenario, now)
    return Plan(
        draft=_draft(rng, scenario, channel, country),
        channel=channel,
        starts_at=starts_at,
        actions=tuple(_actions(rng, scenario.steps, starts_at)),
        provider=rng.choice(channel.providers),
        carrier=country.carrier,
        token=f"{rng.getrandbits(48):012x}",
    )


def _start(rng: Random, scenario: Scenario, now: datetime) -> datetime:
    age = rng.randint(*scenario.ages)
    if age == 0:
        return now - timedelta(minutes=rng.randint(60, 600))
    return _midnight(now, -age) + timedelta(seconds=rng.randint(OPENS, CLOSES))


def _actions(
    rng: Random, steps: Sequence[Step], at: datetime
) -> Iterator[tuple[datetime, Action]]:
    starts_at = at
    for step in steps:
        if step.days:
            day = _midnight(starts_at, rng.randint(*step.days))
            at = datetime.combine(day, step.at, UTC)
        else:
            least, most = step.minutes
            at += timedelta(seconds=rng.randint(60 * least, 60 * most))
        yield at, step.action


def _midnight(at: datetime, days: int) -> datetime:
    day = at.astimezone(UTC).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _draft(
    rng: Random, scenario: Scenario, channel: Channel, country: Country
) -> OrderDraft:
    customer = channel.customer(rng, country)
    till = Till(country.currency, country.tax_percent, rng.choice(VOUCHERS))
    lines = (scenario.basket or channel.basket)(rng, till)
    shipping = till.shipping(lines) if channel.charges_shipping else Decimal(0)
    return OrderDraft(
        currency=till.currency,
        lines=lines,
        channel=channel.name,
        source=channel.source,
        payment_mode=channel.payment_mode,
        shipping_total=shipping,
        order_tax=till.share(shipping, till.tax_percent),
        customer_name=customer.name,
        customer_email=customer.email,
        customer_reference=customer.reference,
        billing_address=customer.billing_address,
        shipping_address=customer.shipping_address,
        tags=rng.choice(TAGS),
        metadata={"demo": True},
    )


def _numbered(plan: Plan, number: int) -> Plan:
    reference = plan.channel.reference.format(FIRST_REFERENCE + number)
    return replace(plan, draft=replace(plan.draft, external_reference=reference))
