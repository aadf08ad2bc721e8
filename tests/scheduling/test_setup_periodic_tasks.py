"""What the command prints, and what it exits with."""

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks
from pytest_django import Settings

from scheduling.defaults import DEFAULT_SCHEDULES, Crontab
from scheduling.models import AppliedDefault
from scheduling.seeding import apply_defaults
from tests.scheduling.admin.schedule_page import argument, save

CLOSING = "Close old orders"
CLEANING = "Clean up expired sessions"

pytestmark = pytest.mark.django_db


def setup_periodic_tasks(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("setup_periodic_tasks", *arguments, stdout=out)
    return out.getvalue().splitlines()


def check_finds_drift() -> list[str]:
    out = StringIO()
    with pytest.raises(SystemExit) as ending:
        call_command("setup_periodic_tasks", "--check", stdout=out)
    assert ending.value.code == 1
    return out.getvalue().splitlines()


@pytest.fixture(autouse=True)
def business_time_zone(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "UTC"


@pytest.fixture(autouse=True)
def no_schedules(db: None) -> None:  # noqa: ARG001 - it is what is emptied
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()
    AppliedDefault.objects.all().delete()


@pytest.fixture
def older_release() -> None:
    """Leave what a release wrote in which old orders were closed at ten past one."""
    closing, *others = DEFAULT_SCHEDULES
    at_ten_past_one = Crontab(minute="10", hour="1")
    apply_defaults([replace(closing, schedule=at_ten_past_one), *others])


def test_setup_prints_what_it_creates() -> None:
    lines = setup_periodic_tasks()

    closing = PeriodicTask.objects.get(name=CLOSING)
    cleaning = PeriodicTask.objects.get(name=CLEANING)
    assert lines == [f"created       {CLOSING}", f"created       {CLEANING}"]
    assert closing.task == "orders.tasks.auto_close_old_orders"
    assert str(closing.crontab) == "0 0 * * * (m/h/dM/MY/d) UTC"
    assert cleaning.task == "scheduling.tasks.clean_up_expired_sessions"
    assert str(cleaning.crontab) == "15 3 * * * (m/h/dM/MY/d) UTC"


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


@pytest.mark.usefixtures("older_release")
def test_setup_moves_what_an_older_release_wrote() -> None:
    lines = setup_periodic_tasks()

    assert lines == [
        f"moved         {CLOSING}",
        "  schedule: 10 1 * * * (m/h/dM/MY/d) UTC -> 0 0 * * * (m/h/dM/MY/d) UTC",
        f"same          {CLEANING}",
    ]
    assert PeriodicTask.objects.get(name=CLOSING).crontab.hour == "0"


@pytest.mark.usefixtures("older_release")
def test_a_check_exits_with_1_where_a_schedule_would_move() -> None:
    told_beat = PeriodicTasks.last_change()

    lines = check_finds_drift()

    assert lines == [
        f"to be moved   {CLOSING}",
        "  schedule: 10 1 * * * (m/h/dM/MY/d) UTC -> 0 0 * * * (m/h/dM/MY/d) UTC",
        f"same          {CLEANING}",
    ]
    assert PeriodicTask.objects.get(name=CLOSING).crontab.hour == "1"
    assert PeriodicTasks.last_change() == told_beat


def test_a_check_exits_with_1_where_a_schedule_is_missing() -> None:
    setup_periodic_tasks()
    PeriodicTask.objects.get(name=CLOSING).delete()

    lines = check_finds_drift()

    assert lines == [f"to be created {CLOSING}", f"same          {CLEANING}"]
    assert not PeriodicTask.objects.filter(name=CLOSING).exists()


def test_a_check_succeeds_where_nothing_is_to_be_done() -> None:
    setup_periodic_tasks()

    lines = setup_periodic_tasks("--check")

    assert lines == [f"same          {CLOSING}", f"same          {CLEANING}"]


def test_an_edit_in_admin_is_kept_named_and_put_back(admin_client: Client) -> None:
    setup_periodic_tasks()
    closing = PeriodicTask.objects.get(name=CLOSING)
    tokyo = CrontabSchedule.objects.create(minute="10", hour="5", timezone="Asia/Tokyo")
    save(
        admin_client,
        closing,
        minute="10",
        hour="5",
        zone="Asia/Tokyo",
        enabled=None,
        **{argument("limit"): "100"},
    )

    kept = setup_periodic_tasks()
    checked = setup_periodic_tasks("--check")
    edited = PeriodicTask.objects.get(name=CLOSING)
    reset = setup_periodic_tasks("--reset", CLOSING)

    closing.refresh_from_db()
    table, theirs = "0 0 * * * (m/h/dM/MY/d) UTC", "10 5 * * * (m/h/dM/MY/d) Asia/Tokyo"
    assert checked == kept
    assert kept[0] == f"kept          {CLOSING}"
    assert sorted(kept[1:4]) == [
        "  enabled: False kept, default True",
        "  kwargs: '{\"limit\": 100}' kept, default '{}'",
        f"  schedule: {theirs} kept, default {table}",
    ]
    assert (edited.crontab, edited.enabled) == (tokyo, False)
    assert edited.kwargs == '{"limit": 100}'
    assert reset[0] == f"reset         {CLOSING}"
    assert sorted(reset[1:]) == [
        "  enabled: False -> True",
        "  kwargs: '{\"limit\": 100}' -> '{}'",
        f"  schedule: {theirs} -> {table}",
    ]
    assert setup_periodic_tasks("--check")[0] == f"same          {CLOSING}"
    assert closing.enabled


def test_a_reset_touches_no_other_schedule() -> None:
    setup_periodic_tasks()
    PeriodicTask.objects.update(enabled=False)

    setup_periodic_tasks("--reset", CLOSING)

    assert PeriodicTask.objects.get(name=CLOSING).enabled
    assert not PeriodicTask.objects.get(name=CLEANING).enabled


def test_a_reset_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(CommandError) as refusal:
        setup_periodic_tasks("--reset", "Close old order")

    assert str(refusal.value) == (
        "No default schedule is named 'Close old order'. There are: "
        f"'{CLOSING}', '{CLEANING}'."
    )


def test_check_and_reset_exclude_each_other() -> None:
    with pytest.raises(CommandError, match="not allowed with argument"):
        setup_periodic_tasks("--check", "--reset", CLOSING)


def test_a_schedule_that_the_table_did_not_make_is_named() -> None:
    midnight = CrontabSchedule.objects.create(minute="0", hour="0", timezone="UTC")
    PeriodicTask.objects.create(
        name=CLOSING,
        task="their.task",
        crontab=midnight,
        description=DEFAULT_SCHEDULES[0].description,
    )

    lines = setup_periodic_tasks()

    assert lines == [
        f"foreign       {CLOSING} (not made from the table; --reset makes it so)",
        "  task: 'their.task' kept, default 'orders.tasks.auto_close_old_orders'",
        f"created       {CLEANING}",
    ]
    assert PeriodicTask.objects.get(name=CLOSING).task == "their.task"
