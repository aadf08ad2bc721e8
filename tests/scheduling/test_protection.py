"""A row that says when stays as long as a schedule goes by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from tests.scheduling.waiting import somebody_waits_for_us, until

KINDS = ("interval", "crontab", "solar", "clocked")

pytestmark = pytest.mark.django_db


def row_of(kind: str) -> Any:
    if kind == "interval":
        return IntervalSchedule.objects.create(every=10, period="minutes")
    if kind == "crontab":
        return CrontabSchedule.objects.create(minute="7")
    if kind == "solar":
        return SolarSchedule.objects.create(
            event="sunrise", latitude="52.52", longitude="13.405"
        )
    at = datetime(2030, 1, 1, tzinfo=UTC)
    return ClockedSchedule.objects.create(clocked_time=at)


def put_on(row: models.Model, kind: str, name: str = "Theirs") -> PeriodicTask:
    fields: dict[str, Any] = {kind: row, "one_off": kind == "clocked"}
    return PeriodicTask.objects.create(name=name, task="a.task", **fields)


def page(row: models.Model, name: str, *args: object) -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_{name}", args=args)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_in_use_cannot_be_deleted(kind: str) -> None:
    row = row_of(kind)
    put_on(row, kind)

    with pytest.raises(ProtectedError) as refusal, transaction.atomic():
        row.delete()

    message = refusal.value.args[0]
    assert message == (
        f"“{row}” cannot be deleted: it is in use by “Theirs”. "
        "Put them on another schedule first."
    )
    row.refresh_from_db()
    assert PeriodicTask.objects.filter(name="Theirs").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_nobody_uses_can_be_deleted(kind: str) -> None:
    row = row_of(kind)
    put_on(row_of("interval"), "interval")

    type(row)._default_manager.filter(pk=row.pk).delete()

    assert not type(row)._default_manager.filter(pk=row.pk).exists()


def test_the_refusal_names_some_and_counts_the_rest() -> None:
    row = row_of("interval")
    for name in "EDCBA":
        put_on(row, "interval", name)

    with (
        pytest.raises(ProtectedError, match="in use by “A”, “B”, “C” and 2 more"),
        transaction.atomic(),
    ):
        IntervalSchedule.objects.filter(pk=row.pk).delete()


def test_one_row_in_use_keeps_its_whole_set() -> None:
    unused, used = row_of("interval"), row_of("interval")
    put_on(used, "interval")
    before = IntervalSchedule.objects.count()

    with pytest.raises(ProtectedError), transaction.atomic():
        IntervalSchedule.objects.filter(pk__in=[unused.pk, used.pk]).delete()

    assert IntervalSchedule.objects.count() == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_delete_page_says_who_uses_a_row(admin_client: Client, kind: str) -> None:
    row = row_of(kind)
    task = put_on(row, kind, name="<Theirs>")
    url = page(row, "delete", row.pk)

    shown = admin_client.get(url)
    answer = admin_client.post(url, {"post": "yes"})

    for response in (shown, answer):
        body = response.content.decode()
        assert response.status_code == HTTPStatus.OK
        assert "Give each another time to run first" in body
        assert page(task, "change", task.pk) in body
        assert "&lt;Theirs&gt;" in body
    row.refresh_from_db()
    assert PeriodicTask.objects.filter(pk=task.pk).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bulk_action_says_who_uses_a_row(admin_client: Client, kind: str) -> None:
    row = row_of(kind)
    put_on(row, kind)

    answer = admin_client.post(
        page(row, "changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    )

    assert answer.status_code == HTTPStatus.OK
    assert "Theirs" in answer.content.decode()
    row.refresh_from_db()


@pytest.mark.parametrize("kind", KINDS)
def test_staff_delete_a_row_that_nobody_uses(admin_client: Client, kind: str) -> None:
    alone, together = row_of(kind), row_of("interval")

    from_page = admin_client.post(page(alone, "delete", alone.pk), {"post": "yes"})
    from_list = admin_client.post(
        page(together, "changelist"),
        {"action": "delete_selected", "_selected_action": [together.pk], "post": "yes"},
    )

    assert from_page.status_code == from_list.status_code == HTTPStatus.FOUND
    assert not type(alone)._default_manager.filter(pk=alone.pk).exists()
    assert not IntervalSchedule.objects.filter(pk=together.pk).exists()


def test_who_may_delete_rows_but_no_schedules_learns_the_reason(
    client: Client,
) -> None:
    keeper = User.objects.create_user("keeper", is_staff=True)
    keeper.user_permissions.add(
        Permission.objects.get(codename="delete_intervalschedule"),
        Permission.objects.get(codename="view_intervalschedule"),
    )
    client.force_login(keeper)
    row = row_of("interval")
    put_on(row, "interval")

    answer = client.post(page(row, "delete", row.pk), {"post": "yes"})

    assert answer.status_code == HTTPStatus.OK
    assert "Theirs" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_schedule_put_on_a_row_while_it_is_deleted_stays() -> None:
    row = row_of("interval")

    def delete() -> str:
        try:
            IntervalSchedule.objects.get(pk=row.pk).delete()
        except (ProtectedError, IntegrityError) as error:
            return type(error).__name__
        finally:
            connection.close()
        return "deleted"

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            put_on(row, "interval")
            deleting = pool.submit(delete)
            until(somebody_waits_for_us)
        outcome = deleting.result(timeout=10)

    assert outcome in {"ProtectedError", "IntegrityError"}
    assert PeriodicTask.objects.filter(name="Theirs").exists()
