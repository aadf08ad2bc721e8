"""The site of Django Admin: its name, and what staff call what they find there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django_celery_beat.apps import BeatConfig

if TYPE_CHECKING:
    from django.http import HttpRequest

CLOCK, STOCK = "scheduling", "django_celery_beat"
#: Models of django-celery-beat's; names of their own would be a migration of its.
NAMES = {"PeriodicTask": "Schedules"}
#: What staff look for; the others follow by name.
FIRST = ("PeriodicTask", "Run", "Incident")


class DeskConfig(AdminConfig):
    default_site = "config.desk.OrderDesk"


class ScheduleTablesConfig(BeatConfig):  # type: ignore[misc] # untyped
    verbose_name = "Clock"


class OrderDesk(admin.AdminSite):
    site_header = site_title = "Order Desk"
    index_title = "Home"
    #: There is no other site to view.
    site_url = None

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[Any]:
        """List schedules with the rest of the clock, under the name that staff use."""
        if app_label not in (CLOCK, STOCK):
            return self._in_one_clock(super().get_app_list(request, app_label))
        apps = self._in_one_clock(super().get_app_list(request))
        return [app for app in apps if app["app_label"] in (CLOCK, STOCK)]

    def _in_one_clock(self, apps: list[Any]) -> list[Any]:
        by_label = {app["app_label"]: app for app in apps}
        stock = by_label.get(STOCK)
        if stock is None:
            return apps
        for model in stock["models"]:
            model["name"] = NAMES.get(model["object_name"], model["name"])
        clock = by_label.get(CLOCK)
        if clock:
            stock["models"] += clock["models"]
            apps.remove(clock)
        stock["models"].sort(key=_place)
        return sorted(apps, key=lambda app: str(app["name"]).lower())


def _place(model: dict[str, Any]) -> tuple[int, str]:
    name = model["object_name"]
    place = FIRST.index(name) if name in FIRST else len(FIRST)
    return place, str(model["name"]).lower()
