"""What the command prints, and what it exits with."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from pytest_django import Settings

from scheduling.models import Schedule
from tests.scheduling.factories import (
    KNOWN_SINCE,
    CrontabScheduleFactory,
    PeriodicTaskFactory,
    ScheduleFactory,
)
from tests.scheduling.schedules import spoil_zone

pytestmark = pytest.mark.django_db

EVE_OF_SPRING = "--after=2026-03-28T12:00+01:00"


@pytest.fixture(autouse=True)
def business_time_zone(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "Europe/Berlin"


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, which reaches no database."""
    return subprocess.run(
        [sys.executable, "manage.py", "schedule_preview", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
            "DATABASE_URL_FILE": "",
        },
        capture_output=True,
        check=False,
        text=True,
    )


def preview(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("schedule_preview", *arguments, stdout=out)
    return out.getvalue().splitlines()


def refusal(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as error:
        preview(*arguments)
    return error.value.returncode, str(error.value)


def crontab_task(**fields: Any) -> Schedule:
    crontab = CrontabScheduleFactory.create(
        minute="30", hour="2", timezone="America/New_York"
    )
    task = PeriodicTaskFactory.create(
        name="Send the report", interval=None, crontab=crontab
    )
    return ScheduleFactory.create(periodic_task=task, **fields)


def test_a_crontab_is_shown_in_the_zone_and_in_utc_with_the_changeover() -> None:
    lines = preview("30 2 * * *", "--count=2", EVE_OF_SPRING)

    assert lines == [
        "Daily at 02:30, Europe/Berlin",
        "Sun 2026-03-29 03:00:00+02:00  2026-03-29 01:00:00 UTC  "
        "The clocks change here: moved from 02:30 to 03:00.",
        "Mon 2026-03-30 02:30:00+02:00  2026-03-30 00:30:00 UTC",
    ]


def test_an_expression_is_read_without_quotes_and_in_the_zone_asked_for() -> None:
    words = ("30", "2", "*", "*", "*")

    lines = preview(*words, "--tz=Asia/Kolkata", "--count=1", EVE_OF_SPRING)

    assert lines == [
        "Daily at 02:30, Asia/Kolkata",
        "Sun 2026-03-29 02:30:00+05:30  2026-03-28 21:00:00 UTC",
    ]


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        (
            "every 10 minutes",
            [
                "Every 10 minutes",
                "Sat 2026-03-28 12:10:00+01:00  2026-03-28 11:10:00 UTC",
            ],
        ),
        (
            "sunrise 52.5 13.4",
            [
                "Sunrise at 52.5° N, 13.4° E",
                "Sun 2026-03-29 06:48:06+02:00  2026-03-29 04:48:06 UTC",
            ],
        ),
        (
            "2026-08-31T14:00",
            [
                "Once, on 2026-08-31 at 12:00:00, UTC",
                "Mon 2026-08-31 14:00:00+02:00  2026-08-31 12:00:00 UTC",
            ],
        ),
    ],
)
def test_the_other_kinds_are_shown(expression: str, lines: list[str]) -> None:
    assert preview(expression, "--count=1", EVE_OF_SPRING) == lines


def test_ten_slots_are_shown_unless_told() -> None:
    assert len(preview("* * * * *")) == 1 + 10


def test_a_schedule_is_shown_in_its_own_zone() -> None:
    crontab_task()

    lines = preview("Send the report", "--count=1", EVE_OF_SPRING)

    assert lines == [
        "Daily at 02:30, America/New_York",
        "Sun 2026-03-29 02:30:00-04:00  2026-03-29 06:30:00 UTC",
    ]


def test_a_schedule_is_shown_in_another_zone_on_demand() -> None:
    crontab_task()

    lines = preview("Send the report", "--count=1", "--tz=Europe/Berlin", EVE_OF_SPRING)

    assert lines[1] == "Sun 2026-03-29 08:30:00+02:00  2026-03-29 06:30:00 UTC"


def test_an_interval_counts_from_when_the_clock_saw_it_first() -> None:
    ScheduleFactory.create(periodic_task__name="Often", anchor=KNOWN_SINCE)

    lines = preview("Often", "--count=1", "--after=2026-07-01T10:13+00:00", "--tz=UTC")

    assert lines[1:] == ["Wed 2026-07-01 10:20:00+00:00  2026-07-01 10:20:00 UTC"]


def test_what_keeps_a_schedule_from_running_is_told() -> None:
    schedule = crontab_task(
        paused_at=KNOWN_SINCE, paused_by="anna", pause_reason="Stocktaking."
    )
    schedule.periodic_task.enabled = False
    schedule.periodic_task.save()

    lines = preview("Send the report", "--count=1")

    assert lines[1:3] == [
        "It is switched off, and would be due:",
        "Paused by anna: Stocktaking.",
    ]


def test_the_end_of_a_pause_is_told() -> None:
    crontab_task(
        paused_at=KNOWN_SINCE,
        paused_by="anna",
        pause_reason="Stocktaking.",
        paused_until=datetime(2100, 7, 2, 10, tzinfo=UTC),
    )

    lines = preview("Send the report", "--count=1")

    assert lines[1] == "Paused by anna until 2100-07-02 10:00:00 UTC: Stocktaking."


def test_a_pause_that_is_over_is_not_told() -> None:
    crontab_task(
        paused_at=KNOWN_SINCE,
        paused_by="anna",
        pause_reason="Stocktaking.",
        paused_until=KNOWN_SINCE + timedelta(days=1),
    )

    lines = preview("Send the report", "--count=1")

    assert not any("anna" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["Nothing"],
            "NAME|EXPRESSION: no schedule is named 'Nothing', nor is it a crontab of "
            'five fields, "every 10 minutes", an event of the sun such as "sunrise '
            '52.5 13.4" or an instant such as 2026-08-31T14:00.',
        ),
        (
            ["61 * * * *"],
            "EXPRESSION: Minute: '61' is not valid; use 0 to 59, as in 0,30.",
        ),
        (
            ["* * * * *", "--tz=Berlin"],
            "--tz: There is no time zone 'Berlin': use an IANA name such as "
            "Europe/Berlin.",
        ),
        (
            ["* * * * *", "--count=0"],
            "Error: argument --count: '0' is not a number of slots: use 1 to 1,000.",
        ),
        (
            ["* * * * *", "--after=yesterday"],
            "Error: argument --after: 'yesterday' is not an instant: use one with an "
            "offset, such as 2026-03-28T12:00+01:00.",
        ),
        (
            ["* * * * *", "--after=2026-03-28T12:00"],
            "Error: argument --after: '2026-03-28T12:00' is not an instant: use one "
            "with an offset, such as 2026-03-28T12:00+01:00.",
        ),
    ],
)
def test_an_argument_is_refused_by_name_with_the_remedy(
    arguments: list[str], sentence: str
) -> None:
    code, message = refusal(*arguments)

    assert message == sentence
    if not message.startswith("Error:"):
        assert code == 2


def test_what_never_fires_ends_with_one() -> None:
    assert refusal("2020-01-01T00:00") == (
        1,
        "It never fires: its time has passed, or nothing falls between its start and "
        "its end. Choose another.",
    )


def test_a_schedule_without_a_meaning_ends_with_one() -> None:
    schedule = crontab_task()
    spoil_zone(schedule.periodic_task.crontab_id, "Nowhere")

    code, message = refusal("Send the report")

    assert code == 1
    assert message == (
        "Send the report: There is no time zone 'Nowhere': use an IANA name such as "
        "Europe/Berlin."
    )


def test_an_expression_needs_no_database() -> None:
    ended = process("every 10 minutes", "--count=1")

    assert ended.returncode == 0
    assert ended.stdout.startswith("Every 10 minutes\n")


def test_a_name_without_a_database_is_told_without_a_traceback() -> None:
    ended = process("Send the report")

    assert ended.returncode == 1
    assert "the database cannot be reached" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments", [["* * * * *", "--count=0"], ["61 * * * *"], ["* * * * *", "--tz=X"]]
)
def test_a_bad_argument_ends_with_two(arguments: list[str]) -> None:
    ended = process(*arguments)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
