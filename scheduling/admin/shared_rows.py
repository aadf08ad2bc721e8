"""The rows that say when, as django-celery-beat shows them, and kept while in use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django_celery_beat import admin as stock
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduling.clock import database_now
from scheduling.definitions import show_zone_names, with_zone_names
from scheduling.protection import users_of
from scheduling.slots import InvalidTimingError
from scheduling.slots.zones import zone_named
from scheduling.timing import in_words, timing_of

from .timing_form import CRONTAB

for _model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    admin.site.unregister(_model)


class _Users(stock.PeriodicTaskInline):  # type: ignore[misc] # untyped
    """The schedules that go by a row, each with a link to its own page."""

    verbose_name = verbose_name_plural = "Schedules that go by it"
    fields = readonly_fields = ("name", "task")


class _KeptWhileInUse:
    """Shows the schedules that go by a row as what keeps it from being deleted."""

    inlines = (_Users,)

    def get_inlines(
        self, request: HttpRequest, obj: models.Model | None
    ) -> Sequence[type[InlineModelAdmin[Any, Any]]]:
        """Leave out the schedules of a row that is still to be made."""
        found: Sequence[type[InlineModelAdmin[Any, Any]]] = super().get_inlines(  # type: ignore[misc] # of ModelAdmin, which follows
            request, obj
        )
        return found if obj else ()

    def get_deleted_objects(
        self, objs: Iterable[models.Model], request: HttpRequest
    ) -> tuple[Any, Any, Any, Any]:
        """Return what Django asks for; the users are protected, not deleted too."""
        users = [task for row in objs for task in users_of(row)]
        if users:
            # Nothing is deleted, so nothing is listed and no permission is needed.
            return [], {}, set(), list(map(_link, users))
        found: tuple[Any, Any, Any, Any] = super().get_deleted_objects(  # type: ignore[misc] # of ModelAdmin, which follows
            objs, request
        )
        return found


def _link(task: PeriodicTask) -> str:
    url = reverse("admin:django_celery_beat_periodictask_change", args=(task.pk,))
    return format_html('Schedule: <a href="{}">{}</a>', url, task.name)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(_KeptWhileInUse, stock.ClockedScheduleAdmin):  # type: ignore[misc] # as above
    pass


class CrontabList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        show_zone_names(self.result_list)


class CrontabForm(forms.ModelForm):  # type: ignore[type-arg] # for the checker alone
    """Refuses what never comes due, which django-celery-beat's validators let by."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            self._refuse_what_is_no_time(CrontabSchedule(**cleaned))
        return cleaned

    def _refuse_what_is_no_time(self, row: CrontabSchedule) -> None:
        try:
            timing_of(PeriodicTask(crontab=row), database_now())
        except InvalidTimingError as error:
            field = error.field if error.field in self.fields else None
            self.add_error(field, str(error))


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(_KeptWhileInUse, stock.CrontabScheduleAdmin):  # type: ignore[misc] # as above
    """Shows a row that has no meaning like any other, to be mended or deleted."""

    form = CrontabForm
    list_display = ("__str__", "says")
    fields = ("says", *CRONTAB, "timezone")
    readonly_fields = ("says",)

    @admin.display(description="in words")
    def says(self, row: CrontabSchedule) -> str:
        """Django-celery-beat's own words fail on a row that Celery cannot read."""
        return in_words(PeriodicTask(crontab=row))

    def get_queryset(self, request: HttpRequest) -> QuerySet[CrontabSchedule]:
        return with_zone_names(super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002 - Django's signature
        return CrontabList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> CrontabSchedule | None:
        row: CrontabSchedule | None = super().get_object(request, object_id, from_field)
        if row is not None:
            show_zone_names([row])
        return row

    def get_inlines(
        self, request: HttpRequest, obj: CrontabSchedule | None
    ) -> Sequence[type[InlineModelAdmin[Any, Any]]]:
        """Leave out the tasks where the zone does not exist: their names read it."""
        inlines: Sequence[type[InlineModelAdmin[Any, Any]]] = super().get_inlines(
            request, obj
        )
        return inlines if obj and _exists(str(obj.timezone)) else ()

    def get_fields(
        self, request: HttpRequest, obj: CrontabSchedule | None = None
    ) -> Sequence[Any]:
        """Say in words what stands, and nothing of what is still to be entered."""
        fields: Sequence[Any] = super().get_fields(request, obj)
        return fields if obj else [name for name in fields if name != "says"]

    def get_deleted_objects(
        self, objs: Iterable[CrontabSchedule], request: HttpRequest
    ) -> tuple[Any, Any, Any, Any]:
        show_zone_names(objs)
        return super().get_deleted_objects(objs, request)


def _exists(zone: str) -> bool:
    try:
        zone_named(zone)
    except InvalidTimingError:
        return False
    return True


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(_KeptWhileInUse, stock.IntervalScheduleAdmin):  # type: ignore[misc] # as above
    pass


@admin.register(SolarSchedule)
class SolarScheduleAdmin(_KeptWhileInUse, stock.SolarScheduleAdmin):  # type: ignore[misc] # as above
    pass
