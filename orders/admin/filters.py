"""Filters of the lists of orders and of sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Q
from django.utils import timezone

from orders.models import AutoCloseRun, Order
from orders.models.order import STALE_AFTER, held, stale
from scheduling.admin.filters import ChoiceFilter, Condition, column_filter, equals

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.http import HttpRequest


class StatusFilter(ChoiceFilter):
    """Opens on open orders; a search looks among all of them."""

    title = "status"
    parameter_name = "status"
    options = [("all", "All"), *Order.Status.choices]
    conditions = {value: equals("status", value) for value in Order.Status.values}

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Order],
        model_admin: admin.ModelAdmin[Any],
    ) -> None:
        self.otherwise = "all" if request.GET.get(SEARCH_VAR) else Order.Status.OPEN
        super().__init__(request, params, model, model_admin)

    def value(self) -> str:
        return super().value() or self.otherwise

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string(
                    {self.parameter_name: value}
                ),
                "display": label,
            }


class HoldFilter(ChoiceFilter):
    title = "hold"
    parameter_name = "hold"
    options = [("yes", "Held"), ("no", "Not held")]
    conditions = {
        "yes": lambda: held(timezone.now()),
        "no": lambda: ~held(timezone.now()),
    }


class AttentionFilter(ChoiceFilter):
    title = "attention"
    parameter_name = "attention"
    options = [("any", "Needs attention"), *Order.Attention.choices]
    conditions = {
        "any": lambda: ~Q(attention=[]),
        **{
            value: equals("attention__contains", [value])  # type: ignore[arg-type]
            for value in Order.Attention.values
        },
    }


def _due_within(days: int) -> Condition:
    return lambda: Q(
        payment_due_at__gt=timezone.now(),
        payment_due_at__lte=timezone.now() + timedelta(days=days),
    )


class DueFilter(ChoiceFilter):
    title = "payment due"
    parameter_name = "due"
    options = [
        ("past", "Past due"),
        ("week", "Within 7 days"),
        ("month", "Within 30 days"),
        ("never", "Never"),
    ]
    conditions = {
        "past": lambda: Q(payment_due_at__lte=timezone.now()),
        "week": _due_within(7),
        "month": _due_within(30),
        "never": lambda: Q(payment_due_at=None),
    }


class ExemptFilter(ChoiceFilter):
    title = "automation"
    parameter_name = "exempt"
    options = [("yes", "Exempt from policies"), ("no", "Under the policies")]
    conditions = {
        "yes": lambda: Q(automation_exempt=True),
        "no": lambda: Q(automation_exempt=False),
    }


class AgeFilter(ChoiceFilter):
    title = "age"
    parameter_name = "age"
    options = [("stale", f"Open for over {STALE_AFTER.days} days")]
    conditions = {"stale": lambda: stale(timezone.now())}


ORDER_FILTERS = (
    StatusFilter,
    column_filter("payment_status", "payment", Order.PaymentStatus.choices),
    column_filter("fulfillment_status", "fulfilment", Order.FulfillmentStatus.choices),
    AttentionFilter,
    HoldFilter,
    DueFilter,
    AgeFilter,
    column_filter("source", "source", Order.Source.choices),
    column_filter("payment_mode", "payment mode", Order.PaymentMode.choices),
    ExemptFilter,
)
SWEEP_FILTERS = (
    column_filter("state", "state", AutoCloseRun.State.choices),
    column_filter("trigger", "started by", AutoCloseRun.Trigger.choices),
)
