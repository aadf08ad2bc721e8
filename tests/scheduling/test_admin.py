"""Staff see and edit schedules of every kind in Django Admin."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from django.contrib import admin
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils.safestring import SafeString
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduling.admin import ScheduleAdmin
from scheduling.seeding import apply_defaults
from tests.scheduling.admin.desk import send
from tests.scheduling.admin.schedule_page import save
from tests.scheduling.schedules import clock_of

CLOSING = "Close old orders"

pytestmark = pytest.mark.django_db

KINDS: dict[str, tuple[type[models.Model], dict[str, str], dict[str, str]]] = {
    "interval": (
        IntervalSchedule,
        {"every": "10", "period": "minutes"},
        {"every": "20", "period": "minutes"},
    ),
    "crontab": (
        CrontabSchedule,
        {
            "minute": "30",
            "hour": "2",
            "day_of_month": "*",
            "month_of_year": "*",
            "day_of_week": "*",
            "timezone": "Europe/Berlin",
        },
        {
            "minute": "45",
            "hour": "2",
            "day_of_month": "*",
            "month_of_year": "*",
            "day_of_week": "1",
            "timezone": "America/New_York",
        },
    ),
    "solar": (
        SolarSchedule,
        {"event": "sunrise", "latitude": "52.52", "longitude": "13.405"},
        {"event": "sunset", "latitude": "-33.87", "longitude": "151.21"},
    ),
    "clocked": (
        ClockedSchedule,
        {"clocked_time_0": "2030-01-01", "clocked_time_1": "10:00:00"},
        {"clocked_time_0": "2030-01-02", "clocked_time_1": "11:00:00"},
    ),
}

NO_INLINES = {
    "periodictask_set-TOTAL_FORMS": "0",
    "periodictask_set-INITIAL_FORMS": "0",
}


def page(model: type[models.Model], name: str, *args: object) -> str:
    return reverse(admin_urlname(model._meta, SafeString(name)), args=args)


@pytest.mark.parametrize("kind", KINDS)
def test_staff_add_and_edit_each_kind_of_schedule(
    admin_client: Client, kind: str
) -> None:
    model, added, edited = KINDS[kind]

    form = admin_client.get(page(model, "add"))
    adding = admin_client.post(page(model, "add"), added | NO_INLINES)
    row = model._default_manager.latest("pk")
    before = str(row)
    shown = admin_client.get(page(model, "change", row.pk))
    editing = admin_client.post(page(model, "change", row.pk), edited | NO_INLINES)
    listed = admin_client.get(page(model, "changelist"))

    row.refresh_from_db()
    assert form.status_code == shown.status_code == HTTPStatus.OK
    assert adding.status_code == editing.status_code == HTTPStatus.FOUND
    assert listed.status_code == HTTPStatus.OK
    assert str(row) != before
    assert str(row.pk) in listed.content.decode()


def test_the_schedules_of_django_celery_beat_are_kept_on_our_pages(
    admin_client: Client,
) -> None:
    apply_defaults()

    listed = admin_client.get(page(PeriodicTask, "changelist"))

    assert isinstance(admin.site.get_model_admin(PeriodicTask), ScheduleAdmin)
    assert CLOSING in listed.content.decode()


def test_an_edit_in_admin_sticks(admin_client: Client) -> None:
    apply_defaults()
    closing = PeriodicTask.objects.get(name=CLOSING)

    editing = save(admin_client, closing, minute="10", hour="*", zone="Asia/Tokyo")
    apply_defaults()

    closing.refresh_from_db()
    assert editing.status_code == HTTPStatus.FOUND
    assert (closing.crontab.minute, closing.crontab.hour) == ("10", "*")
    assert str(closing.crontab.timezone) == "Asia/Tokyo"


def test_a_pause_from_the_list_sticks(admin_client: Client) -> None:
    apply_defaults()
    closing = PeriodicTask.objects.get(name=CLOSING)

    answer = send(admin_client, "pause", closing, reason="Stocktaking")
    apply_defaults()

    assert answer.status_code == HTTPStatus.FOUND
    assert clock_of(closing).pause_reason == "Stocktaking"


def test_a_solar_schedule_knows_when_it_is_due() -> None:
    berlin = SolarSchedule.objects.create(
        event="sunrise", latitude="52.52", longitude="13.405"
    )
    berlin.refresh_from_db()
    midwinter = datetime(2026, 12, 21, 0, 0, tzinfo=UTC)

    wait = berlin.schedule.remaining_estimate(midwinter)
    sunrise = berlin.schedule.nowfun() + wait

    assert abs(sunrise - datetime(2026, 12, 21, 7, 15, tzinfo=UTC)) < timedelta(
        minutes=5
    )
