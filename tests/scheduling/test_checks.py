"""What `manage.py check` says of the clock's settings and rows."""

from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from pytest_django import Settings

from config.celery import app
from scheduling.checks import (
    OUR_SCHEDULER,
    check_beat_schedule_is_empty,
    check_beat_scheduler_is_ours,
    check_schedules_can_run,
)
from tests.scheduling.schedules import spoil_zone

SESSIONS = "scheduling.tasks.clean_up_expired_sessions"


def add_schedule(name: str, **fields: object) -> PeriodicTask:
    every = IntervalSchedule.objects.create(every=1, period="hours")
    fields = {"task": SESSIONS, "interval": every} | fields
    return PeriodicTask.objects.create(name=name, **fields)


def test_the_settings_hold_no_schedules() -> None:
    assert not getattr(django_settings, "CELERY_BEAT_SCHEDULE", {})
    assert app.conf.beat_schedule == {}
    assert check_beat_schedule_is_empty(None) == []


def test_a_schedule_in_the_settings_is_an_error(settings: Settings) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"nightly": {"task": "a.task", "schedule": 60}}

    errors = check_beat_schedule_is_empty(None)

    assert [error.id for error in errors] == ["scheduling.E001"]
    assert "nightly" in errors[0].msg


def test_our_scheduler_is_nothing_to_speak_of(settings: Settings) -> None:
    settings.CELERY_BEAT_SCHEDULER = OUR_SCHEDULER

    assert check_beat_scheduler_is_ours(None) == []


@pytest.mark.parametrize(
    "scheduler", ["django_celery_beat.schedulers:DatabaseScheduler", None]
)
def test_another_scheduler_is_warned_of_with_what_is_lost(
    settings: Settings, scheduler: str | None
) -> None:
    settings.CELERY_BEAT_SCHEDULER = scheduler

    (warning,) = check_beat_scheduler_is_ours(None)

    assert warning.id == "scheduling.W001"
    assert not warning.is_serious()
    assert f"CELERY_BEAT_SCHEDULER is {scheduler!r}" in warning.msg
    assert "Two beats send every slot twice." in warning.msg
    assert OUR_SCHEDULER in str(warning.hint)


@pytest.mark.django_db
def test_schedules_that_can_run_are_nothing_to_speak_of() -> None:
    add_schedule("Sound")

    assert check_schedules_can_run(None, databases=["default"]) == []


@pytest.mark.django_db
def test_each_row_that_cannot_run_is_named() -> None:
    add_schedule("Unknown", task="a.task")
    add_schedule("Not offered", task="orders.tasks.execute_auto_close")
    add_schedule("Poisoned", headers="[1]", kwargs='{"days": 1}')

    warnings = check_schedules_can_run(None, databases=["default"])

    assert {warning.id for warning in warnings} == {"scheduling.W002"}
    told = [warning.msg for warning in warnings]
    assert [message.split("'")[1] for message in told] == [
        "Unknown",
        "Not offered",
        "Poisoned",
        "Poisoned",
    ]
    assert "'Unknown'" in told[0]
    assert '"a.task" is not a task that can be scheduled.' in told[0]
    assert "days is not an argument of this task" in told[2]
    assert "headers must be empty, not [1]" in told[3]


@pytest.mark.django_db
def test_a_zone_that_does_not_exist_is_told_of_and_hides_no_other_row() -> None:
    poisoned = add_schedule("Poisoned", interval=None, crontab=_lost_crontab())
    add_schedule("Unknown", task="a.task")

    warnings = check_schedules_can_run(None, databases=["default"])

    assert [warning.msg.split("'")[1] for warning in warnings] == [
        poisoned.name,
        "Unknown",
    ]


def _lost_crontab() -> CrontabSchedule:
    crontab = CrontabSchedule.objects.create(timezone="Asia/Tokyo")
    spoil_zone(crontab.pk)
    return crontab


@pytest.mark.django_db
def test_a_schedule_that_is_off_may_be_ill() -> None:
    add_schedule("Off", task="a.task", enabled=False)

    assert check_schedules_can_run(None, databases=["default"]) == []


@pytest.mark.django_db
def test_rows_are_read_where_a_database_is_named_alone() -> None:
    add_schedule("Unknown", task="a.task")
    plain, named = StringIO(), StringIO()

    call_command("check", stderr=plain)
    call_command("check", databases=["default"], stderr=named)

    assert "scheduling.W002" not in plain.getvalue()
    assert "(scheduling.W002) The schedule 'Unknown'" in named.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_database_before_its_migrations_is_no_failure() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE scheduling_schedule RENAME TO not_yet")
    try:
        found = check_schedules_can_run(None, databases=["default"])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE not_yet RENAME TO scheduling_schedule")

    assert found == []


@pytest.mark.django_db
def test_many_schedules_are_read_in_one_query(
    django_assert_num_queries: object,
) -> None:
    for number in range(3):
        add_schedule(f"Sound {number}")

    with django_assert_num_queries(1):  # type: ignore[operator] # pytest-django's
        check_schedules_can_run(None, databases=["default"])
