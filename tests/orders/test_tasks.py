"""The task: what it refuses, and what it hands on."""

from __future__ import annotations

from typing import Any

import pytest

from orders.models import AutoCloseRun, ClosePolicy, Order
from orders.tasks import auto_close_old_orders
from tests.factories import completed_order, open_order
from tests.orders.autoclose.sweeping import ago, started, state_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": "10"},
        {"limit": 1.5},
        {"limit": True},
        {"policies": []},
        {"policies": "unpaid"},
        {"policies": ["unpaid", "everything"]},
        {"policies": [None]},
        {"policies": {"unpaid": True}},
        {"policies": [["unpaid"]]},
        {"dry_run": "no"},
        {"dry_run": 1},
        {"dry_run": None},
        {"approve": "yes"},
        {"approve": None},
    ],
    ids=str,
)
def test_bad_argument_raises_and_touches_nothing(arguments: dict[str, Any]) -> None:
    completed_order(now=ago(days=31))

    with pytest.raises(ValueError, match=next(iter(arguments))):
        auto_close_old_orders(**arguments)

    assert not AutoCloseRun.objects.exists()
    assert Order.objects.get().status == "open"


def test_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="days"):
        auto_close_old_orders(days=30)  # type: ignore[call-arg]

    assert not AutoCloseRun.objects.exists()


def test_limit_beyond_any_number_of_orders_is_as_good_as_none() -> None:
    completed_order(now=ago(days=31))

    assert auto_close_old_orders(limit=10**30)["changed"] == 1


def test_limit_is_the_most_that_is_changed() -> None:
    for _ in range(3):
        completed_order(now=ago(days=31))

    summary = auto_close_old_orders(limit=2)

    assert (summary["state"], summary["changed"]) == ("completed", 2)
    assert summary["remaining"] == 1


def test_dry_run_counts_and_changes_nothing() -> None:
    order = completed_order(now=ago(days=31))
    version = order.version

    summary = auto_close_old_orders(dry_run=True)

    order.refresh_from_db()
    assert (summary["state"], summary["changed"]) == ("completed", 1)
    assert (order.status, order.version) == ("open", version)
    assert AutoCloseRun.objects.get().dry_run


def test_dry_run_of_a_surge_tells_the_numbers_beside_the_need() -> None:
    ClosePolicy.objects.filter(kind="completed").update(surge_limit=1)
    for _ in range(2):
        completed_order(now=ago(days=31))

    summary = auto_close_old_orders(dry_run=True)

    assert summary["state"] == "needs_approval"
    assert summary["policies"]["completed"]["needs_approval"]
    assert summary["changed"] == 2
    assert Order.objects.filter(status="open").count() == 2


def test_limit_within_the_surge_limit_needs_no_approval() -> None:
    ClosePolicy.objects.filter(kind="completed").update(surge_limit=2)
    for _ in range(3):
        completed_order(now=ago(days=31))

    assert auto_close_old_orders(limit=3)["state"] == "needs_approval"
    assert auto_close_old_orders(limit=2)["changed"] == 2


def test_approve_lets_a_surge_through() -> None:
    ClosePolicy.objects.filter(kind="completed").update(surge_limit=0)
    completed_order(now=ago(days=31))

    assert auto_close_old_orders()["changed"] == 0
    assert auto_close_old_orders(approve=True)["changed"] == 1


def test_one_policy_in_a_surge_does_not_hold_the_others() -> None:
    ClosePolicy.objects.filter(kind="completed").update(surge_limit=0)
    completed = completed_order(now=ago(days=31))
    unpaid = open_order(now=ago(days=31))

    summary = auto_close_old_orders()

    assert summary["state"] == "needs_approval"
    assert summary["changed"] == 1
    assert state_of(completed) == ("open", "")
    assert state_of(unpaid) == ("cancelled", "payment_overdue")


def test_summary_adds_up() -> None:
    for _ in range(3):
        completed_order(now=ago(days=31))

    summary = auto_close_old_orders(limit=2)

    for policy in summary["policies"].values():
        assert policy["candidates"] == sum(
            policy[name]
            for name in (
                "changed",
                "skipped_locked",
                "no_longer_due",
                "failed",
                "remaining",
            )
        )
    assert AutoCloseRun.objects.get().summary == summary


def test_run_left_behind_by_a_dead_worker_is_buried() -> None:
    dead = started()
    AutoCloseRun.objects.filter(pk=dead.pk).update(state="running")

    auto_close_old_orders()

    dead.refresh_from_db()
    assert dead.state == "failed"
    assert dead.finished_at is not None
    assert not dead.followed_by.exists()


def test_approved_run_left_behind_by_a_dead_worker_is_queued_again() -> None:
    dead = started(approve=True)
    AutoCloseRun.objects.filter(pk=dead.pk).update(state="running")

    auto_close_old_orders()

    rest = dead.followed_by.get()
    assert (rest.state, rest.approve_all, rest.cutoff) == ("queued", True, dead.cutoff)
