"""The list of schedules: what will run, what ran, and the buttons beside it."""

from __future__ import annotations

from django.contrib import admin

# Django looks into each app's admin in their order, and ours comes first: what
# django-celery-beat registers has to be there before it can be replaced.
from django_celery_beat import admin as stock
from django_celery_beat.models import PeriodicTask

from .form import ScheduleFormPages

admin.site.unregister(stock.PeriodicTaskAdmin.model)


@admin.register(PeriodicTask)
class ScheduleAdmin(ScheduleFormPages):
    """Schedules as the clock runs them."""

    list_display = ("name", "task", "enabled")
    search_fields = ("name", "task", "description")
    list_per_page = 50
    actions = None
