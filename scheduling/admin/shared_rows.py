"""The rows that say when, as django-celery-beat shows them, and kept while in use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import models
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

from scheduling.protection import users_of

for _model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    admin.site.unregister(_model)


class _KeptWhileInUse:
    """Shows the schedules that go by a row as what keeps it from being deleted."""

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
class ClockedScheduleAdmin(_KeptWhileInUse, stock.ClockedScheduleAdmin):  # type: ignore[misc] # untyped
    pass


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(_KeptWhileInUse, stock.CrontabScheduleAdmin):  # type: ignore[misc] # as above
    pass


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(_KeptWhileInUse, stock.IntervalScheduleAdmin):  # type: ignore[misc] # as above
    pass


@admin.register(SolarSchedule)
class SolarScheduleAdmin(_KeptWhileInUse, stock.SolarScheduleAdmin):  # type: ignore[misc] # as above
    pass
