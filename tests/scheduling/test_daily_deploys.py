"""A deploy every day does not keep a weekly schedule from running."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry

from config import celery_app
from scheduling.defaults import DefaultSchedule, Interval
from scheduling.seeding import apply_defaults

FIRST_DEPLOY = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

WEEKLY = DefaultSchedule(
    name="Weekly report",
    task="yard.tasks.report",
    schedule=Interval(every=7, period="days"),
    description="Reports.",
)

pytestmark = pytest.mark.django_db


def beat_sends() -> bool:
    """Return whether a beat that starts now sends the task, which it then notes."""
    entry = ModelEntry(PeriodicTask.objects.get(name=WEEKLY.name), app=celery_app)
    is_due = bool(entry.is_due().is_due)
    if is_due:
        next(entry).save()
    return is_due


@pytest.mark.parametrize("new_wording_each_day", [False, True])
def test_a_weekly_schedule_runs_twice_in_sixteen_daily_deploys(
    *, new_wording_each_day: bool
) -> None:
    sent_on = []
    for day in range(16):
        wording = f"Release {day}." if new_wording_each_day else "Reports."
        with time_machine.travel(FIRST_DEPLOY + timedelta(days=day), tick=False):
            apply_defaults([replace(WEEKLY, description=wording)])
            if beat_sends():
                sent_on.append(day)

    weekly = PeriodicTask.objects.get(name=WEEKLY.name)
    assert sent_on == [7, 14]
    assert weekly.total_run_count == 2
    assert weekly.last_run_at == FIRST_DEPLOY + timedelta(days=14)


def test_daily_deploys_do_not_tell_beat() -> None:
    with time_machine.travel(FIRST_DEPLOY, tick=False):
        apply_defaults([WEEKLY])

    for day in range(1, 16):
        with time_machine.travel(FIRST_DEPLOY + timedelta(days=day), tick=False):
            apply_defaults([WEEKLY])

    weekly = PeriodicTask.objects.get(name=WEEKLY.name)
    assert PeriodicTasks.last_change() == FIRST_DEPLOY
    assert weekly.date_changed == FIRST_DEPLOY


def test_a_schedule_that_moves_before_its_first_run_waits_from_then_on() -> None:
    daily = replace(WEEKLY, schedule=Interval(every=1, period="days"))
    with time_machine.travel(FIRST_DEPLOY, tick=False):
        apply_defaults([WEEKLY])

    with time_machine.travel(FIRST_DEPLOY + timedelta(days=3), tick=False):
        apply_defaults([daily])
        sent_at_once = beat_sends()
    with time_machine.travel(FIRST_DEPLOY + timedelta(days=4), tick=False):
        sent_a_day_later = beat_sends()

    assert not sent_at_once
    assert sent_a_day_later
