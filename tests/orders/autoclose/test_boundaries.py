"""Exactly what is over-age goes: to the microsecond, whatever clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from orders.models import ClosePolicy, Order
from tests.factories import completed_order, draft_order, line, open_order, pay

from .sweeping import ago, state_of, sweep

pytestmark = pytest.mark.django_db

TICK = timedelta(microseconds=1)
AGES = [
    timedelta(hours=1),
    timedelta(hours=25),
    timedelta(days=2),
    timedelta(days=30),
]
CUTOFFS = [
    datetime(2025, 3, 30, 1, 30, tzinfo=UTC),  # Berlin has just sprung forward.
    datetime(2025, 10, 26, 1, 30, tzinfo=UTC),  # Berlin has just fallen back.
    datetime(2025, 3, 9, 7, 30, tzinfo=UTC),  # New York has just sprung forward.
    datetime(2025, 7, 1, 22, 0, tzinfo=UTC),  # Midnight of a summer's day in Berlin.
]


@pytest.mark.parametrize("cutoff", CUTOFFS, ids=str)
@pytest.mark.parametrize("age", AGES, ids=str)
def test_completed_order_is_due_from_its_age_on(
    age: timedelta, cutoff: datetime
) -> None:
    ClosePolicy.objects.filter(kind="completed").update(after=age)
    older = completed_order(now=cutoff - age - TICK)
    exact = completed_order(now=cutoff - age)
    younger = completed_order(now=cutoff - age + TICK)

    summary = sweep(cutoff=cutoff, policies=["completed"])

    assert summary["changed"] == 2
    assert state_of(older) == state_of(exact) == ("closed", "auto_completed")
    assert state_of(younger) == ("open", "")


@pytest.mark.parametrize("cutoff", CUTOFFS, ids=str)
@pytest.mark.parametrize("age", AGES, ids=str)
def test_unpaid_order_is_due_when_its_date_and_the_grace_are_past(
    age: timedelta, cutoff: datetime
) -> None:
    ClosePolicy.objects.filter(kind="unpaid").update(after=age, grace=age)
    older = open_order(now=cutoff - 2 * age)
    younger = open_order(now=cutoff - 2 * age + TICK)

    summary = sweep(cutoff=cutoff, policies=["unpaid"])

    assert summary["changed"] == 1
    assert state_of(older) == ("cancelled", "payment_overdue")
    assert state_of(younger) == ("open", "")


@pytest.mark.parametrize("age", AGES, ids=str)
def test_draft_is_due_when_nobody_touched_it_for_its_age(age: timedelta) -> None:
    cutoff = CUTOFFS[0]
    ClosePolicy.objects.filter(kind="draft").update(after=age)
    older = draft_order(now=cutoff - age)
    younger = draft_order(now=cutoff - age + TICK)

    sweep(cutoff=cutoff, policies=["draft"])

    assert state_of(older) == ("cancelled", "draft_abandoned")
    assert state_of(younger) == ("draft", "")


@pytest.mark.parametrize(
    ("currency", "price"), [("JPY", Decimal(980)), ("KWD", Decimal("1.005"))]
)
def test_currencies_without_and_with_three_decimals_go_like_any(
    currency: str, price: Decimal
) -> None:
    lines = [line(quantity=3, unit_price=price)]
    unpaid = open_order(now=ago(days=4), currency=currency, lines=lines)
    part_paid = open_order(now=ago(days=40), currency=currency, lines=lines)
    pay(part_paid, amount=price)
    completed = completed_order(now=ago(days=31), currency=currency, lines=lines)

    sweep()

    assert state_of(unpaid) == ("cancelled", "payment_overdue")
    assert state_of(part_paid) == ("open", "")
    assert state_of(completed) == ("closed", "auto_completed")


def test_zero_total_is_not_unpaid() -> None:
    gift = open_order(now=ago(days=400), lines=[line(unit_price=Decimal(0))])

    summary = sweep(policies=["unpaid"])

    assert summary["policies"]["unpaid"]["candidates"] == 0
    assert state_of(gift) == ("open", "")


def test_zero_total_without_goods_is_completed_when_placed() -> None:
    free = line(unit_price=Decimal(0), requires_shipping=False)
    voucher = open_order(now=ago(days=31), lines=[free])

    sweep()

    assert state_of(voucher) == ("closed", "auto_completed")


def test_order_without_due_date_is_never_overdue() -> None:
    order = open_order(now=ago(days=4000), payment_mode="none")
    assert order.payment_due_at is None

    sweep()

    assert state_of(order) == ("open", "")


def test_explicit_due_date_beats_the_policy() -> None:
    later = open_order(now=ago(days=40), payment_due_at=ago(days=-1))
    sooner = open_order(now=ago(days=1), payment_due_at=ago(hours=1))

    sweep()

    assert state_of(later) == ("open", "")
    assert state_of(sooner) == ("cancelled", "payment_overdue")


def test_most_specific_policy_decides_and_payment_mode_outranks_source() -> None:
    policies = ClosePolicy.objects
    policies.create(kind="unpaid", match_source="pos", after=timedelta(days=90))
    policies.create(
        kind="unpaid",
        match_source="pos",
        match_payment_mode="online",
        after=timedelta(days=1),
    )
    both = open_order(now=ago(days=2), source="pos")
    mode_alone = open_order(now=ago(days=2), source="web")
    source_alone = open_order(now=ago(days=2), source="pos", payment_mode="none")
    mode_before_source = open_order(
        now=ago(days=80), source="pos", payment_mode="offline"
    )

    sweep()

    assert state_of(both) == ("cancelled", "payment_overdue")
    assert state_of(mode_alone) == ("open", "")
    assert state_of(source_alone) == ("open", "")
    assert state_of(mode_before_source) == ("cancelled", "payment_overdue")


def test_disabled_policy_means_never_although_a_wider_one_is_enabled() -> None:
    ClosePolicy.objects.create(kind="unpaid", after=timedelta(days=1))
    order = open_order(
        now=ago(days=60), payment_mode="on_delivery", payment_due_at=ago(days=50)
    )

    sweep()

    assert state_of(order) == ("open", "")


def test_money_that_moved_keeps_an_order_from_being_cancelled() -> None:
    authorized = open_order(now=ago(days=40))
    pay(authorized, kind="authorization")
    part_paid = open_order(now=ago(days=40))
    pay(part_paid, amount=Decimal(1))
    unshipped = open_order(now=ago(days=40))
    pay(unshipped)

    summary = sweep()

    assert summary["changed"] == 0
    assert set(Order.objects.values_list("status", flat=True)) == {"open"}


def test_pending_payment_blocks_until_it_is_too_old() -> None:
    fresh, given_up = open_order(now=ago(days=20)), open_order(now=ago(days=20))
    pay(fresh, status="pending", now=ago(days=6, hours=23))
    pay(given_up, status="pending", now=ago(days=7, hours=1))

    summary = sweep(policies=["unpaid"])

    assert summary["policies"]["unpaid"]["blocked"]["pending_payment"] == 1
    assert state_of(fresh) == ("open", "")
    assert state_of(given_up) == ("cancelled", "payment_overdue")
