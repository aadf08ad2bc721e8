"""A crontab whose zone does not exist, as SQL can write it, spoils nothing else."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from scheduling import history
from scheduling.clock import database_now
from scheduling.gaps import Gap, find_gaps
from scheduling.models import Schedule
from tests.scheduling.admin.desk import choose, text, told
from tests.scheduling.schedules import clock_of, daily, every, long_ago, spoil_zone

pytestmark = pytest.mark.django_db

STOCK = "admin:django_celery_beat_"
CRONTABS = f"{STOCK}crontabschedule_changelist"
DEFAULT = "Close old orders"


@pytest.fixture
def spoilt() -> PeriodicTask:
    task = daily(4, name="Spoilt")
    spoil_zone(task.crontab_id)
    return PeriodicTask.objects.get(pk=task.pk)


def crontab_page(action: str, task: PeriodicTask) -> str:
    return reverse(f"{STOCK}crontabschedule_{action}", args=[task.crontab_id])


def gaps() -> list[Gap]:
    # Late enough for slots to be missed that nobody has made rows of.
    return find_gaps(database_now() + timedelta(minutes=30))


@pytest.mark.usefixtures("spoilt")
def test_gaps_of_others_are_found() -> None:
    sound = every(10)
    long_ago(sound, next_slot=None)

    assert [gap.schedule.periodic_task for gap in gaps()] == [sound]


@pytest.mark.usefixtures("spoilt")
def test_it_is_listed_among_the_crontabs(admin_client: Client) -> None:
    daily(5, zone="America/New_York")

    said = text(admin_client.get(reverse(CRONTABS)))

    assert "Mars/Base" in said
    assert "America/New_York" in said


def test_it_can_be_mended_on_its_own_page(
    admin_client: Client, spoilt: PeriodicTask
) -> None:
    page = crontab_page("change", spoilt)
    shown = admin_client.get(page)
    fields = dict.fromkeys(
        ("minute", "hour", "day_of_month", "month_of_year", "day_of_week"), "*"
    )

    answer = admin_client.post(page, fields | {"timezone": "Europe/Rome"})

    assert shown.status_code == HTTPStatus.OK
    assert answer.status_code == HTTPStatus.FOUND
    mended = CrontabSchedule.objects.get(pk=spoilt.crontab_id)
    assert str(mended.timezone) == "Europe/Rome"


def test_it_is_kept_while_in_use_and_says_so(
    admin_client: Client, spoilt: PeriodicTask
) -> None:
    said = text(admin_client.get(crontab_page("delete", spoilt)))

    assert "Mars/Base" in said
    assert "Schedule: Spoilt" in said


def test_it_can_be_deleted_with_others_once_nobody_uses_it(
    admin_client: Client, spoilt: PeriodicTask
) -> None:
    key = spoilt.crontab_id
    PeriodicTask.objects.filter(pk=spoilt.pk).delete()
    confirmed = {"action": "delete_selected", "_selected_action": [key], "post": "yes"}

    answer = admin_client.post(reverse(CRONTABS), confirmed)

    assert "Successfully deleted 1" in told(answer)
    assert not CrontabSchedule.objects.filter(pk=key).exists()


def test_its_schedule_can_be_deleted_with_others(
    admin_client: Client, spoilt: PeriodicTask
) -> None:
    other = every(10, name="Sound")
    keys = [spoilt.pk, other.pk]

    asked = choose(admin_client, "delete_selected", spoilt, other)
    admin_client.post(
        reverse(f"{STOCK}periodictask_changelist"),
        {"action": "delete_selected", "_selected_action": keys, "post": "yes"},
    )

    assert "Spoilt" in text(asked)
    assert not PeriodicTask.objects.filter(pk__in=keys).exists()
    assert not Schedule.objects.filter(pk__in=keys).exists()


def test_the_history_of_its_schedule_is_shown(
    admin_client: Client, spoilt: PeriodicTask
) -> None:
    spoilt.name = "Spoilt since"
    with transaction.atomic():
        history.note_what_stands(spoilt, clock_of(spoilt), at=database_now())

    page = reverse(f"{STOCK}periodictask_history", args=[spoilt.pk])
    said = text(admin_client.get(page))

    assert "There is no time zone 'Mars/Base'" in said


def test_a_version_in_such_a_zone_says_what_is_wrong() -> None:
    kept = {"crontab": {"minute": "0", "hour": "4", "timezone": "Mars/Base"}}

    assert "There is no time zone 'Mars/Base'" in history.timing_in_words(kept)


@pytest.mark.parametrize("options", [(), ("--check",), ("--reset", DEFAULT)])
def test_defaults_are_merged_all_the_same(options: tuple[str, ...]) -> None:
    spoil_zone(PeriodicTask.objects.get(name=DEFAULT).crontab_id)
    said = StringIO()

    call_command("setup_periodic_tasks", *options, stdout=said)

    assert "Mars/Base" in said.getvalue()
    assert ("Clean up expired sessions" in said.getvalue()) is (
        "--reset" not in options
    )
