"""What staff read of a sweep before it runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders import autoclose
from orders.models import AutoCloseRun, ClosePolicy, Order
from scheduling import registry
from tests.factories import completed_order, open_order
from tests.orders.autoclose.sweeping import ago, sweep

pytestmark = pytest.mark.django_db

TASK = "orders.tasks.auto_close_old_orders"


def test_forecast_of_an_idle_desk_is_nothing() -> None:
    open_order()

    assert autoclose.forecast() == "Nothing to do: no order is due."


def test_forecast_counts_what_is_due_and_dates_the_oldest() -> None:
    long_ago = datetime(2026, 3, 1, 12, tzinfo=UTC)
    after = ClosePolicy.objects.get(kind="completed").after
    completed_order(now=long_ago)
    completed_order(now=ago(days=31))

    told = autoclose.forecast()

    since = (long_ago + after).date()
    assert told == f"Would close 2 orders, the oldest due since {since}."


def test_forecast_is_what_the_sweep_then_does() -> None:
    for _ in range(3):
        completed_order(now=ago(days=31))

    told = autoclose.forecast(limit=2)
    summary = sweep(limit=2)

    assert told.startswith("Would close 2 orders, ")
    assert summary["changed"] == 2


def test_forecast_of_one_kind_leaves_out_the_others() -> None:
    completed_order(now=ago(days=31))

    assert autoclose.forecast(policies=["unpaid"]).startswith("Nothing to do")
    assert autoclose.forecast(policies=["completed"]).startswith("Would close 1 order,")


def test_forecast_names_what_needs_approval() -> None:
    ClosePolicy.objects.filter(kind="completed").update(surge_limit=1)
    for _ in range(2):
        completed_order(now=ago(days=31))
    open_order(now=ago(days=31))

    told = autoclose.forecast()

    assert told.startswith("Would close 1 order,")
    assert told.endswith("2 orders (completed) need approval: beyond the surge limit.")
    assert autoclose.forecast(approve=True).startswith("Would close 3 orders,")


def test_forecast_tells_of_orders_that_are_held_back() -> None:
    completed_order(now=ago(days=31))
    Order.objects.update(automation_exempt=True)

    assert autoclose.forecast() == "Nothing to do: 1 order is due, and held back."


def test_forecast_of_a_dry_run_promises_no_closing() -> None:
    completed_order(now=ago(days=31))

    assert autoclose.forecast(dry_run=True).startswith("Would count 1 order,")


def test_forecast_writes_nothing() -> None:
    order = completed_order(now=ago(days=31))

    with CaptureQueriesContext(connection) as queries:
        autoclose.forecast()

    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}
    assert not AutoCloseRun.objects.exists()
    assert Order.objects.get().version == order.version


def test_forecast_refuses_what_the_sweep_refuses() -> None:
    with pytest.raises(ValueError, match="limit must be"):
        autoclose.forecast(limit=0)


def test_the_task_tells_its_forecast_and_offers_the_kinds() -> None:
    completed_order(now=ago(days=31))
    task = registry.find(TASK)
    assert task is not None

    told = task.dry_run(policies=["completed"], limit=1)

    assert told is not None
    assert told.startswith("Would close 1 order,")
    policies = task.parameter("policies")
    assert policies is not None
    assert [choice.json for choice in policies.choices] == ClosePolicy.Kind.values
    assert task.problems_with({"policies": [], "limit": 0}) == [
        "policies does not take []: Choose at least one.",
        "limit does not take 0: Ensure this value is greater than or equal to 1.",
    ]


def test_a_sweep_asked_for_by_hand_is_not_offered() -> None:
    assert registry.find("orders.tasks.execute_auto_close") is None
