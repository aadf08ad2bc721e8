"""An older database gets the default schedules that it lacks."""

import threading
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django_celery_beat.models import (
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
)
from pytest_django import Settings

from scheduling.models import AppliedDefault
from scheduling.seeding import SeededSchedule, apply_defaults
from tests.scheduling.waiting import somebody_waits_for_us, until

CLOSING = "Close old orders"
CLEANING = "Clean up expired sessions"


def setup_periodic_tasks() -> list[str]:
    out = StringIO()
    call_command("setup_periodic_tasks", stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def no_schedules(db: None) -> None:  # noqa: ARG001 - it is what is emptied
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()
    AppliedDefault.objects.all().delete()


@pytest.mark.usefixtures("no_schedules")
def test_setup_creates_what_is_missing(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "America/New_York"

    lines = setup_periodic_tasks()

    closing = PeriodicTask.objects.get(name=CLOSING)
    cleaning = PeriodicTask.objects.get(name=CLEANING)
    assert lines == [f"created {CLOSING}", f"created {CLEANING}"]
    assert closing.task == "orders.tasks.auto_close_old_orders"
    assert str(closing.crontab) == "0 0 * * * (m/h/dM/MY/d) America/New_York"
    assert cleaning.task == "scheduling.tasks.clean_up_expired_sessions"
    assert str(cleaning.crontab) == "15 3 * * * (m/h/dM/MY/d) America/New_York"
    assert closing.enabled
    assert cleaning.enabled


@pytest.mark.usefixtures("no_schedules")
def test_setup_records_what_it_applied(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "Europe/Berlin"

    setup_periodic_tasks()

    applied = AppliedDefault.objects.get(name=CLEANING)
    assert applied.definition == {
        "task": "scheduling.tasks.clean_up_expired_sessions",
        "crontab": {
            "minute": "15",
            "hour": "3",
            "day_of_month": "*",
            "month_of_year": "*",
            "day_of_week": "*",
            "timezone": "Europe/Berlin",
        },
        "description": "Deletes the login sessions that have expired.",
    }


@pytest.mark.usefixtures("no_schedules")
def test_setup_tells_a_running_beat() -> None:
    before = PeriodicTasks.last_change()

    setup_periodic_tasks()

    after = PeriodicTasks.last_change()
    assert after is not None
    assert before is None or after > before


@pytest.mark.usefixtures("no_schedules")
def test_setup_twice_changes_nothing() -> None:
    setup_periodic_tasks()
    tasks = list(PeriodicTask.objects.order_by("pk").values())
    told_beat = PeriodicTasks.last_change()

    lines = setup_periodic_tasks()

    assert lines == [f"kept    {CLOSING}", f"kept    {CLEANING}"]
    assert list(PeriodicTask.objects.order_by("pk").values()) == tasks
    assert PeriodicTasks.last_change() == told_beat


@pytest.mark.usefixtures("no_schedules")
def test_setup_keeps_what_staff_changed() -> None:
    setup_periodic_tasks()
    hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    closing = PeriodicTask.objects.get(name=CLOSING)
    closing.crontab = None
    closing.interval = hourly
    closing.enabled = False
    closing.kwargs = '{"dry_run": true}'
    closing.save()

    lines = setup_periodic_tasks()

    kept = PeriodicTask.objects.get(name=CLOSING)
    assert lines[0] == f"kept    {CLOSING}"
    assert (kept.crontab, kept.interval, kept.enabled) == (None, hourly, False)
    assert kept.kwargs == '{"dry_run": true}'


@pytest.mark.usefixtures("no_schedules")
def test_setup_brings_back_a_deleted_schedule_alone() -> None:
    setup_periodic_tasks()
    PeriodicTask.objects.get(name=CLOSING).delete()

    outcome = apply_defaults()

    assert outcome == [
        SeededSchedule(name=CLOSING, created=True),
        SeededSchedule(name=CLEANING, created=False),
    ]
    assert PeriodicTask.objects.count() == 2
    assert AppliedDefault.objects.count() == 2


@pytest.mark.usefixtures("no_schedules")
def test_setup_records_nothing_for_a_schedule_that_it_did_not_write() -> None:
    every_day = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.DAYS)
    PeriodicTask.objects.create(name=CLOSING, task="a.task", interval=every_day)

    setup_periodic_tasks()

    assert list(AppliedDefault.objects.values_list("name", flat=True)) == [CLEANING]


@pytest.mark.usefixtures("no_schedules")
def test_setup_uses_the_oldest_of_equal_crontabs(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "UTC"
    midnights = [
        CrontabSchedule.objects.create(minute="0", hour="0", timezone="UTC")
        for _ in range(2)
    ]

    setup_periodic_tasks()

    assert PeriodicTask.objects.get(name=CLOSING).crontab == midnights[0]
    assert CrontabSchedule.objects.filter(hour="0").count() == 2


@pytest.mark.django_db(transaction=True)
def test_four_processes_at_once_create_each_schedule_once(
    settings: Settings,
) -> None:
    settings.BUSINESS_TIME_ZONE = "UTC"
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()
    together = threading.Barrier(4, timeout=30)

    def seed() -> list[SeededSchedule]:
        try:
            connection.ensure_connection()
            together.wait()
            return apply_defaults()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = [future.result(60) for future in [pool.submit(seed) for _ in "1234"]]

    created = [seeded.name for one in outcomes for seeded in one if seeded.created]
    assert sorted(created) == sorted([CLOSING, CLEANING])
    assert PeriodicTask.objects.count() == 2
    assert CrontabSchedule.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_schedule_that_staff_save_at_the_same_moment_is_kept() -> None:
    PeriodicTask.objects.all().delete()
    nightly = CrontabSchedule.objects.create(minute="30", hour="2")

    def seed() -> list[SeededSchedule]:
        try:
            return apply_defaults()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            PeriodicTask.objects.create(name=CLOSING, task="a.task", crontab=nightly)
            seeding = pool.submit(seed)
            until(somebody_waits_for_us)
        outcome = seeding.result(60)

    assert outcome[0] == SeededSchedule(name=CLOSING, created=False)
    assert PeriodicTask.objects.get(name=CLOSING).crontab == nightly
