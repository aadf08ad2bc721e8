"""Filters of the list of schedules."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.lookups import In
from django.utils import timezone

from scheduling import registry
from scheduling.changes import THE_CLOCK
from scheduling.definitions import KINDS
from scheduling.models import Run, Schedule
from scheduling.policy import ON_TIME

from .filters import ChoiceFilter, Condition
from .recent import NEWEST_FIRST

if TYPE_CHECKING:
    from django.contrib import admin
    from django.db.models import QuerySet
    from django.http import HttpRequest

_RUNS = Run.objects.filter(periodic_task=OuterRef("pk"))
_OTHER = "other"


def paused() -> Q:
    """Match schedules that a pause keeps from coming due now."""
    return Q(clock__in=Schedule.objects.paused(timezone.now()))


def overdue() -> Q:
    """Match schedules of which a slot has passed and not started."""
    latest = timezone.now() - ON_TIME
    waiting = _RUNS.waiting().filter(
        slot__lt=Value(latest) - F("periodic_task__clock__jitter")
    )
    return Q(clock__next_slot__lt=latest) | Q(Exists(waiting))


def _at_work() -> Q:
    return Q(Exists(_RUNS.open()))


def _went_wrong() -> Q:
    newest = _RUNS.order_by(*NEWEST_FIRST).values("state")[:1]
    return Q(In(Subquery(newest), [state.value for state in Run.FAILED_STATES]))


def _kind(name: str) -> Condition:
    """Match schedules of this kind alone; by a name that is no kind, those of none."""
    columns = {kind: Q((f"{kind}__isnull", kind != name)) for kind in KINDS}
    return lambda: reduce(and_, columns.values())


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = [
        ("on", "On"),
        ("paused", "Paused by staff"),
        ("stopped", "Stopped: it cannot run"),
        ("off", "Disabled"),
        ("at_work", "A run is open"),
        ("wrong", "The last run went wrong"),
    ]
    conditions = {
        "on": lambda: Q(enabled=True) & ~paused(),
        "paused": lambda: paused() & ~Q(clock__paused_by=THE_CLOCK),
        "stopped": lambda: paused() & Q(clock__paused_by=THE_CLOCK),
        "off": lambda: Q(enabled=False),
        "at_work": _at_work,
        "wrong": _went_wrong,
    }


class OverdueFilter(ChoiceFilter):
    title = "overdue"
    parameter_name = "overdue"
    options = [("yes", "Due for over a minute, and not started")]
    conditions = {"yes": overdue}


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    options = [
        ("crontab", "By the calendar"),
        ("interval", "At an interval"),
        ("solar", "By the sun"),
        ("clocked", "Once"),
        ("none", "No time given"),
    ]
    conditions = {kind: _kind(kind) for kind in (*KINDS, "none")}


class TaskFilter(ChoiceFilter):
    """By the task; those that rows name and nobody offers any more are one choice."""

    title = "task"
    parameter_name = "task"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - as above
    ) -> list[tuple[str, str]]:
        tasks = [(task.name, task.summary) for task in registry.all_tasks()]
        return [*tasks, (_OTHER, "One that is not offered")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        names = [task.name for task in registry.all_tasks()]
        chosen = self.value()
        if chosen == _OTHER:
            return queryset.exclude(task__in=names)
        return queryset.filter(task=chosen) if chosen in names else queryset


SCHEDULE_FILTERS = (StateFilter, OverdueFilter, KindFilter, TaskFilter)
