"""Staff see and edit schedules of every kind in Django Admin."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
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
    PeriodicTasks,
    SolarSchedule,
)

from scheduling.seeding import apply_defaults

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


def task_form(**fields: object) -> dict[str, Any]:
    empty = {
        "description": "",
        "regtask": "",
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
        "enabled": "on",
    }
    return empty | fields


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


@pytest.mark.parametrize("kind", KINDS)
def test_staff_put_a_task_on_each_kind_of_schedule(
    admin_client: Client, kind: str
) -> None:
    model, fields, _ = KINDS[kind]
    admin_client.post(page(model, "add"), fields | NO_INLINES)
    schedule = model._default_manager.latest("pk")
    chosen = {kind: schedule.pk} | ({"one_off": "on"} if kind == "clocked" else {})

    form = admin_client.get(page(PeriodicTask, "add"))
    adding = admin_client.post(
        page(PeriodicTask, "add"), task_form(name="Theirs", task="a.task", **chosen)
    )

    task = PeriodicTask.objects.get(name="Theirs")
    shown = admin_client.get(page(PeriodicTask, "change", task.pk))
    assert form.status_code == HTTPStatus.OK
    assert adding.status_code == HTTPStatus.FOUND
    assert task.scheduler == schedule
    assert shown.status_code == HTTPStatus.OK


def test_the_form_offers_our_tasks_by_name(admin_client: Client) -> None:
    form = admin_client.get(page(PeriodicTask, "add")).content.decode()

    assert 'value="scheduling.tasks.clean_up_expired_sessions"' in form


def test_the_list_shows_the_schedules_and_no_warning(admin_client: Client) -> None:
    apply_defaults()

    listed = admin_client.get(page(PeriodicTask, "changelist"))

    assert CLOSING in listed.content.decode()
    assert listed.context["wrong_scheduler"] is False


def test_an_edit_in_admin_sticks(admin_client: Client) -> None:
    apply_defaults()
    closing = PeriodicTask.objects.get(name=CLOSING)
    hourly = CrontabSchedule.objects.create(minute="10", timezone="Asia/Tokyo")
    told_beat = PeriodicTasks.last_change()

    editing = admin_client.post(
        page(PeriodicTask, "change", closing.pk),
        task_form(
            name=CLOSING,
            task=closing.task,
            crontab=hourly.pk,
            kwargs='{"limit": 100}',
        ),
    )
    apply_defaults()

    closing.refresh_from_db()
    assert editing.status_code == HTTPStatus.FOUND
    assert (closing.crontab, closing.kwargs) == (hourly, '{"limit": 100}')
    assert PeriodicTasks.last_change() > told_beat


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("disable_tasks", True, False), ("enable_tasks", False, True)],
)
def test_staff_switch_a_schedule_from_the_list(
    admin_client: Client, action: str, *, before: bool, after: bool
) -> None:
    apply_defaults()
    PeriodicTask.objects.filter(name=CLOSING).update(enabled=before)
    closing = PeriodicTask.objects.get(name=CLOSING)

    answer = admin_client.post(
        page(PeriodicTask, "changelist"),
        {"action": action, "_selected_action": [closing.pk]},
    )
    apply_defaults()

    closing.refresh_from_db()
    assert answer.status_code == HTTPStatus.FOUND
    assert closing.enabled is after


def test_a_schedule_without_a_kind_is_refused(admin_client: Client) -> None:
    answer = admin_client.post(
        page(PeriodicTask, "add"), task_form(name="Never", task="a.task")
    )

    assert answer.status_code == HTTPStatus.OK
    assert "must be set" in answer.content.decode()
    assert not PeriodicTask.objects.filter(name="Never").exists()


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
