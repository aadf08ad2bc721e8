"""Filters of the list of runs, each one that an index can follow."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from scheduling.models import Run

from .filters import column_filter

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: More schedules than these are found by searching for them.
MOST_NAMED = 20
DAYS_NAMED = 7
#: Digits that the column of a key is sure to hold.
LONGEST_KEY = 9
LAST_DAY = "24h"
DELETED = "deleted"


class ScheduleFilter(admin.SimpleListFilter):
    """Runs of one schedule, or of those that are no more."""

    title = "schedule"
    parameter_name = "schedule"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - as above
    ) -> list[tuple[str, str]]:
        names = PeriodicTask.objects.order_by("name").values_list("pk", "name")
        found = list(names[: MOST_NAMED + 1])
        if len(found) > MOST_NAMED:
            found = list(names.filter(pk=self._key())) if self._key() else []
        named = [(str(pk), name) for pk, name in found]
        return [*named, (DELETED, "Deleted since")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Run],
    ) -> QuerySet[Run]:
        if self.value() == DELETED:
            return queryset.filter(periodic_task__isnull=True)
        key = self._key()
        return queryset.filter(periodic_task=key) if key else queryset

    def _key(self) -> int | None:
        value = self.value() or ""
        fits = value.isascii() and value.isdecimal() and len(value) <= LONGEST_KEY
        return int(value) if fits else None


class DayFilter(admin.SimpleListFilter):
    """Runs of one day (UTC); any date may stand in the address."""

    title = "day (UTC)"
    parameter_name = "day"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - as above
    ) -> list[tuple[str, str]]:
        today = timezone.now().astimezone(UTC).date()
        days = [today - timedelta(days=back) for back in range(DAYS_NAMED)]
        chosen = self._day()
        if chosen and chosen not in days:
            days.append(chosen)
        named = [(str(day), f"{day:%a %Y-%m-%d}") for day in days]
        return [(LAST_DAY, "The last 24 hours"), *named]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Run],
    ) -> QuerySet[Run]:
        if self.value() == LAST_DAY:
            return queryset.filter(created_at__gte=Now() - timedelta(days=1))
        day = self._day()
        if day is None:
            return queryset
        start = datetime.combine(day, time(), UTC)
        return queryset.filter(
            created_at__gte=start, created_at__lt=start + timedelta(days=1)
        )

    def _day(self) -> date | None:
        try:
            day = date.fromisoformat(self.value() or "")
        except ValueError:
            return None
        return day if day < date.max else None


GROUPS = {
    ("waiting", "Waiting"): lambda: Q(state__in=Run.WAITING_STATES),
    ("open", "Still to end"): lambda: Q(state__in=Run.OPEN_STATES),
    ("trouble", "Failed, missed or lost"): lambda: Q(state__in=Run.FAILED_STATES),
}
RUN_FILTERS = (
    column_filter("state", "state", Run.State.choices, GROUPS),
    column_filter("trigger", "what started it", Run.Trigger.choices),
    ScheduleFilter,
    DayFilter,
)
