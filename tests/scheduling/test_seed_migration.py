"""A new database starts with the default schedules."""

from dataclasses import replace

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django_celery_beat.models import (
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
)
from pytest_django import Settings

from scheduling.defaults import DEFAULT_SCHEDULES, Interval
from scheduling.models import AppliedDefault
from scheduling.seeding import apply_defaults

CLOSING = "Close old orders"
CLEANING = "Clean up expired sessions"
SEED = "0002_seed_default_schedules"

pytestmark = pytest.mark.django_db


def migrate_to(name: str) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("scheduling", name)])


def migrate_to_the_newest() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("scheduling"))


def insert(task: PeriodicTask) -> None:
    """Save a task in a database that has no tables yet for what is kept beside it."""
    PeriodicTask.objects.bulk_create([task])


@pytest.fixture
def new_database() -> None:
    """Leave the schema as it is before the seeding, with no schedule in it."""
    migrate_to("0001_applied_default")
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()
    PeriodicTasks.objects.all().delete()
    AppliedDefault.objects.all().delete()


@pytest.mark.usefixtures("new_database")
def test_a_new_database_gets_the_schedules_of_the_table() -> None:
    migrate_to(SEED)
    by_migration = definitions()
    migrate_to_the_newest()
    PeriodicTask.objects.all().delete()

    apply_defaults()

    assert len(by_migration) == len(DEFAULT_SCHEDULES)
    assert by_migration == definitions()


def definitions() -> list[tuple[object, ...]]:
    """Everything that a seeded schedule says, and the record of it."""
    applied = dict(AppliedDefault.objects.values_list("name", "definition"))
    return [
        (
            *(task.name, task.task, str(task.crontab), task.description),
            *(task.args, task.kwargs, task.headers, task.enabled),
            applied[task.name],
        )
        for task in PeriodicTask.objects.order_by("name")
    ]


@pytest.mark.usefixtures("new_database")
def test_the_migration_goes_by_the_business_time_zone(
    settings: Settings,
) -> None:
    settings.BUSINESS_TIME_ZONE = "Australia/Lord_Howe"

    migrate_to(SEED)

    zones = {str(task.crontab.timezone) for task in PeriodicTask.objects.all()}
    assert zones == {"Australia/Lord_Howe"}


@pytest.mark.usefixtures("new_database")
def test_the_migration_tells_a_running_beat() -> None:
    migrate_to(SEED)

    assert PeriodicTasks.last_change() is not None


@pytest.mark.usefixtures("new_database")
def test_the_migration_leaves_a_schedule_that_staff_made() -> None:
    weekly = IntervalSchedule.objects.create(every=7, period=IntervalSchedule.DAYS)
    insert(PeriodicTask(name=CLOSING, task="their.task", interval=weekly))

    migrate_to(SEED)

    theirs = PeriodicTask.objects.get(name=CLOSING)
    assert (theirs.task, theirs.interval) == ("their.task", weekly)
    assert theirs.crontab is None
    assert list(AppliedDefault.objects.values_list("name", flat=True)) == [CLEANING]


@pytest.mark.usefixtures("new_database")
def test_the_way_back_takes_the_schedules_away() -> None:
    migrate_to(SEED)
    PeriodicTasks.objects.all().delete()

    migrate_to("0001_applied_default")

    assert not PeriodicTask.objects.exists()
    assert not AppliedDefault.objects.exists()
    assert PeriodicTasks.last_change() is not None


@pytest.mark.usefixtures("new_database")
def test_the_way_back_does_not_mind_that_a_schedule_has_run() -> None:
    migrate_to(SEED)
    PeriodicTask.objects.update(last_run_at="2026-01-01T00:00Z", total_run_count=9)

    migrate_to("0001_applied_default")

    assert not PeriodicTask.objects.exists()


@pytest.mark.usefixtures("new_database")
@pytest.mark.parametrize(
    "edit",
    [
        {"enabled": False},
        {"kwargs": '{"dry_run": true}'},
        {"description": "Ours now."},
        {"task": "their.task"},
        {"queue": "slow"},
    ],
)
def test_the_way_back_leaves_what_staff_edited(edit: dict[str, object]) -> None:
    migrate_to(SEED)
    PeriodicTask.objects.filter(name=CLOSING).update(**edit)

    migrate_to("0001_applied_default")

    assert PeriodicTask.objects.filter(name=CLOSING, **edit).exists()
    assert not PeriodicTask.objects.filter(name=CLEANING).exists()
    assert AppliedDefault.objects.filter(name=CLOSING).exists()


@pytest.mark.usefixtures("new_database")
def test_the_way_back_leaves_an_edited_crontab() -> None:
    migrate_to(SEED)
    CrontabSchedule.objects.filter(hour="0").update(minute="5")

    migrate_to("0001_applied_default")

    assert PeriodicTask.objects.get(name=CLOSING).crontab.minute == "5"


@pytest.mark.usefixtures("new_database")
def test_the_way_back_leaves_what_a_later_default_moved_to_an_interval() -> None:
    migrate_to(SEED)
    closing = DEFAULT_SCHEDULES[0]
    apply_defaults([replace(closing, schedule=Interval(every=1, period="days"))])

    migrate_to("0001_applied_default")

    assert str(PeriodicTask.objects.get(name=CLOSING).interval) == "every day"


@pytest.mark.usefixtures("new_database")
def test_the_way_back_leaves_a_schedule_that_staff_made() -> None:
    migrate_to(SEED)
    theirs = PeriodicTask.objects.filter(name=CLOSING)
    theirs.update(task="their.task")
    AppliedDefault.objects.get(name=CLOSING).delete()

    migrate_to("0001_applied_default")

    assert theirs.get().task == "their.task"
