"""Filters of lists, each a fixed set of choices: no query looks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Q
from django.utils import timezone

from orders.models import AutoCloseRun, Order
from orders.models.order import STALE_AFTER, held, stale

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest


class ChoiceFilter(admin.SimpleListFilter):
    """Rows that meet the condition of the choice; an unknown choice is none."""

    options: ClassVar[Iterable[tuple[str, str]]]
    conditions: ClassVar[Mapping[str, Callable[[], Q]]]

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - as above
    ) -> list[tuple[str, str]]:
        return list(self.options)

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        condition = self.conditions.get(self.value() or "")
        return queryset.filter(condition()) if condition else queryset


def column_filter(
    column: str, title: str, choices: Iterable[tuple[str, str]]
) -> type[ChoiceFilter]:
    """Return a filter by the values that a column may have."""
    options = list(choices)
    conditions = {value: _equals(column, value) for value, _ in options}
    names = {
        "title": title,
        "parameter_name": column,
        "options": options,
        "conditions": conditions,
    }
    return type(f"{column}_filter", (ChoiceFilter,), names)


def _equals(column: str, value: str) -> Callable[[], Q]:
    return lambda: Q((column, value))


class StatusFilter(ChoiceFilter):
    """Opens on open orders; a search looks among all of them."""

    title = "status"
    parameter_name = "status"
    options = [("all", "All"), *Order.Status.choices]
    conditions = {value: _equals("status", value) for value in Order.Status.values}

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
            value: _equals("attention__contains", [value])  # type: ignore[arg-type]
            for value in Order.Attention.values
        },
    }


def _due_within(days: int) -> Callable[[], Q]:
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
