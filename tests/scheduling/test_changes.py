"""Whoever changes a definition, and however, its next slot follows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
)

from scheduling import changes
from scheduling.clock import database_now
from scheduling.models import Run, Schedule, ScheduleChange
from tests.scheduling.factories import TASK
from tests.scheduling.schedules import (
    clock_of,
    every,
    follow_all,
    leave_due,
    unseen,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_to_follow() -> None:
    """Start from a clock that knows what the migrations seeded."""
    follow_all()


@pytest.fixture
def daily() -> PeriodicTask:
    task = PeriodicTask.objects.create(name="Daily", task=TASK, crontab=crontab(9))
    follow_all()
    return task


def crontab(hour: int) -> CrontabSchedule:
    return CrontabSchedule.objects.create(minute="0", hour=str(hour))


def next_hour(slot: datetime | None) -> int:
    assert slot is not None
    assert slot > database_now()
    return slot.astimezone(UTC).hour


def test_triggers_stand_on_all_five_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'scheduling_%'")
        found = {name for (name,) in cursor.fetchall()}

    kinds = ScheduleChange.Kind.values
    assert found == {
        f"scheduling_{event}_{kind}" for event in ("new", "changed") for kind in kinds
    }


def test_migrations_leave_a_schedule_for_what_was_there() -> None:
    assert Schedule.objects.count() == PeriodicTask.objects.count() == 2
    assert not Schedule.objects.filter(next_slot__isnull=True).exists()


def test_a_new_task_is_first_due_at_its_next_slot(daily: PeriodicTask) -> None:
    assert next_hour(clock_of(daily).next_slot) == 9
    assert not Run.objects.filter(periodic_task=daily).exists()


def by_save(task: PeriodicTask) -> None:
    task.crontab = crontab(10)
    task.save()


def by_update(task: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=task.pk).update(crontab=crontab(10))


def by_the_crontab(task: PeriodicTask) -> None:
    CrontabSchedule.objects.filter(pk=task.crontab_id).update(hour="10")


def by_sql(task: PeriodicTask) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_celery_beat_crontabschedule SET hour = '10' WHERE id = %s",
            [task.crontab_id],
        )


@pytest.mark.parametrize("edit", [by_save, by_update, by_the_crontab, by_sql])
def test_an_edit_moves_the_next_slot(
    daily: PeriodicTask, edit: Callable[[PeriodicTask], None]
) -> None:
    edit(daily)

    follow_all()

    assert next_hour(clock_of(daily).next_slot) == 10


def test_an_edit_of_a_crontab_moves_all_that_use_it(daily: PeriodicTask) -> None:
    other = PeriodicTask.objects.create(
        name="Other", task=TASK, crontab_id=daily.crontab_id
    )
    follow_all()

    by_the_crontab(daily)
    follow_all()

    assert next_hour(clock_of(other).next_slot) == 10
    assert next_hour(clock_of(daily).next_slot) == 10


def test_a_row_that_very_many_share_is_followed_in_several_turns(
    daily: PeriodicTask,
) -> None:
    for number in range(4):
        PeriodicTask.objects.create(
            name=f"Daily {number}", task=TASK, crontab=daily.crontab
        )
    follow_all()
    sharing = Schedule.objects.filter(periodic_task__crontab=daily.crontab)
    before = set(sharing.values_list("next_slot", flat=True))
    CrontabSchedule.objects.filter(pk=daily.crontab_id).update(hour="11")
    (edited_at,) = ScheduleChange.objects.values_list("changed_at", flat=True)

    turns = [changes.take_changes(2) for _ in range(4)]

    assert turns == [1, 2, 1, 0]
    assert set(sharing.values_list("next_slot", flat=True)).isdisjoint(before)
    assert {each.changed_at for each in sharing} == {edited_at}


def test_counters_are_no_change(daily: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=daily.pk).update(
        last_run_at=database_now(), total_run_count=5, date_changed=database_now()
    )

    assert not ScheduleChange.objects.exists()


def test_a_new_wording_leaves_the_slot_and_its_lateness_alone(
    daily: PeriodicTask,
) -> None:
    due = database_now() - timedelta(minutes=1)
    Schedule.objects.filter(pk=daily.pk).update(next_slot=due)

    PeriodicTask.objects.filter(pk=daily.pk).update(description="Said better.")
    follow_all()

    assert clock_of(daily).next_slot == due
    assert not Run.objects.filter(periodic_task=daily).exists()


def test_an_edit_writes_off_the_slot_that_was_due_before_it(
    daily: PeriodicTask,
) -> None:
    due = database_now() - timedelta(minutes=1)
    Schedule.objects.filter(pk=daily.pk).update(next_slot=due)

    by_update(daily)
    follow_all()

    missed = Run.objects.get(periodic_task=daily)
    assert (missed.slot, missed.state) == (due, Run.State.MISSED)
    assert missed.slots_missed == 1
    assert missed.reason.endswith(" not sent when the schedule was edited.")
    assert next_hour(clock_of(daily).next_slot) == 10


@pytest.mark.parametrize(
    ("edit", "missed"),
    [({"enabled": False}, 3), ({"kwargs": "{"}, 3), ({"start_time": NOON}, 1)],
    ids=["switched off", "broken", "moved"],
)
def test_an_edit_writes_off_all_slots_whose_definition_is_still_known(
    edit: dict[str, object], missed: int
) -> None:
    task = every(10)
    due = leave_due(task)

    PeriodicTask.objects.filter(pk=task.pk).update(**edit)
    follow_all()

    run = Run.objects.get(periodic_task=task)
    assert (run.state, run.slot, run.slots_missed) == ("missed", due, missed)


def test_slots_count_from_the_edit_however_late_it_is_followed() -> None:
    every = IntervalSchedule.objects.create(every=10, period="minutes")
    task = PeriodicTask.objects.create(name="Often", task=TASK, interval=every)
    ScheduleChange.objects.update(changed_at=database_now() - timedelta(minutes=25))

    follow_all()

    clock = clock_of(task)
    assert clock.next_slot == clock.anchor + timedelta(minutes=10)
    assert clock.next_slot < database_now()


def test_a_disabled_schedule_has_no_slot_and_starts_again_without_firing(
    daily: PeriodicTask,
) -> None:
    PeriodicTask.objects.filter(pk=daily.pk).update(enabled=False)
    follow_all()
    off = clock_of(daily).next_slot
    PeriodicTask.objects.filter(pk=daily.pk).update(enabled=True)
    follow_all()

    assert off is None
    assert next_hour(clock_of(daily).next_slot) == 9
    assert not Run.objects.filter(periodic_task=daily).exists()


def test_an_interval_keeps_its_grid_through_edits() -> None:
    weekly = IntervalSchedule.objects.create(every=7, period="days")
    task = PeriodicTask.objects.create(name="Weekly", task=TASK, interval=weekly)
    follow_all()
    anchor = database_now() - timedelta(days=16)
    Schedule.objects.filter(pk=task.pk).update(anchor=anchor)

    PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
    follow_all()
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=True)
    follow_all()

    assert clock_of(task).next_slot == anchor + timedelta(days=21)


POISON = {
    "headers": {"headers": "[1]"},
    "no JSON": {"kwargs": "{"},
    "unknown task": {"task": "no.such.task"},
    "unknown argument": {"kwargs": '{"no_such": 1}'},
    "argument named NUL": {"kwargs": '{"\\u0000": 1}'},
    "argument named by half a character": {"kwargs": '{"\\ud800": 1}'},
    "queue": {"queue": "elsewhere"},
    "no schedule at all": {"crontab": None},
}


@pytest.mark.parametrize("row", POISON.values(), ids=POISON)
def test_a_poisoned_row_stops_alone_and_says_why(
    daily: PeriodicTask, row: dict[str, object]
) -> None:
    healthy = PeriodicTask.objects.create(
        name="Healthy", task=TASK, crontab_id=daily.crontab_id
    )

    PeriodicTask.objects.filter(pk=daily.pk).update(**row)
    follow_all()

    stopped = clock_of(daily)
    assert stopped.next_slot is None
    assert stopped.paused_by == changes.THE_CLOCK
    assert stopped.pause_reason
    assert next_hour(clock_of(healthy).next_slot) == 9


def test_an_impossible_date_by_sql_stops_its_schedule(daily: PeriodicTask) -> None:
    CrontabSchedule.objects.filter(pk=daily.crontab_id).update(
        day_of_month="31", month_of_year="2"
    )

    follow_all()

    assert clock_of(daily).paused_by == changes.THE_CLOCK


def test_a_mended_row_runs_again(daily: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=daily.pk).update(kwargs="{")
    follow_all()

    PeriodicTask.objects.filter(pk=daily.pk).update(kwargs="{}")
    follow_all()

    mended = clock_of(daily)
    assert not mended.is_paused
    assert mended.pause_reason == ""
    assert next_hour(mended.next_slot) == 9


def test_a_pause_by_staff_outlives_poison_and_mending(daily: PeriodicTask) -> None:
    Schedule.objects.filter(pk=daily.pk).update(
        paused_at=database_now(), paused_by="anna", pause_reason="Stocktaking"
    )

    for kwargs in ("{", "{}"):
        PeriodicTask.objects.filter(pk=daily.pk).update(kwargs=kwargs)
        follow_all()

    paused = clock_of(daily)
    assert (paused.paused_by, paused.pause_reason) == ("anna", "Stocktaking")
    assert paused.next_slot is None


def test_what_a_deploy_mends_runs_again(daily: PeriodicTask) -> None:
    Schedule.objects.filter(pk=daily.pk).update(
        paused_at=database_now(),
        paused_by=changes.THE_CLOCK,
        pause_reason="Its task was unknown to the release before.",
        next_slot=None,
    )

    assert changes.recheck_stopped() == 1

    assert next_hour(clock_of(daily).next_slot) == 9


def stop_for(task: PeriodicTask, days: int) -> datetime:
    """Let the clock have stopped a schedule for so many days; return since when."""
    since = database_now() - timedelta(days=days)
    Schedule.objects.filter(pk=task.pk).update(
        paused_at=since,
        paused_by=changes.THE_CLOCK,
        pause_reason="Its task was unknown to the release before.",
        next_slot=None,
        changed_at=since - timedelta(days=1),
    )
    return since


def test_slots_that_passed_until_a_deploy_mended_it_are_one_skipped_run(
    daily: PeriodicTask,
) -> None:
    since = stop_for(daily, days=3)

    changes.recheck_stopped()

    run = Run.objects.get(periodic_task=daily)
    assert (run.state, run.slots_missed) == (Run.State.SKIPPED, 3)
    assert run.slot
    assert since < run.slot <= since + timedelta(days=1)
    assert run.reason.startswith(
        "Paused by The clock: Its task was unknown to the release before. 3 slots from"
    )


def test_slots_that_passed_until_an_edit_mended_it_are_one_skipped_run(
    daily: PeriodicTask,
) -> None:
    PeriodicTask.objects.filter(pk=daily.pk).update(kwargs="{")
    follow_all()
    stop_for(daily, days=2)

    PeriodicTask.objects.filter(pk=daily.pk).update(kwargs="{}")
    follow_all()

    assert Run.objects.get(periodic_task=daily).slots_missed == 2


def test_slots_that_another_definition_had_are_not_known(daily: PeriodicTask) -> None:
    stop_for(daily, days=3)

    PeriodicTask.objects.filter(pk=daily.pk).update(crontab=crontab(7))
    follow_all()

    assert next_hour(clock_of(daily).next_slot) == 7
    assert not Run.objects.filter(periodic_task=daily).exists()


def test_what_is_still_broken_stays_stopped(daily: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=daily.pk).update(task="no.such.task")
    follow_all()

    assert changes.recheck_stopped() == 0

    assert clock_of(daily).paused_by == changes.THE_CLOCK


def test_a_task_that_no_trigger_saw_is_adopted(daily: PeriodicTask) -> None:
    Schedule.objects.filter(pk=daily.pk).delete()

    assert changes.mark_unseen_tasks() == 1
    follow_all()

    assert next_hour(clock_of(daily).next_slot) == 9


def test_a_task_whose_marker_waits_keeps_the_instant_of_its_making() -> None:
    task = unseen()
    made_at = ScheduleChange.objects.get(kind="task", row_id=task.pk).changed_at

    assert changes.mark_unseen_tasks() == 0
    follow_all()

    assert clock_of(task).anchor == made_at


def test_deleting_a_task_by_sql_takes_its_schedule_and_keeps_its_runs(
    daily: PeriodicTask,
) -> None:
    run = Run.objects.create(
        periodic_task=daily,
        name="Daily",
        task=TASK,
        trigger=Run.Trigger.MANUAL,
        ring_after=database_now(),
        created_at=database_now(),
    )

    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_celery_beat_periodictask WHERE id = %s", [daily.pk]
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    run.refresh_from_db()
    assert run.periodic_task_id is None
    assert run.name == "Daily"
    assert not Schedule.objects.filter(pk=daily.pk).exists()


def test_ten_thousand_rows_leave_their_markers_in_one_statement() -> None:
    every = crontab(1)
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"Task {number}", task=TASK, crontab=every)
        for number in range(1500)
    )

    assert ScheduleChange.objects.count() == 1501
    assert changes.take_changes() == changes.MARKERS_AT_ONCE
    follow_all()
    assert Schedule.objects.filter(next_slot__isnull=False).count() == 1502


@pytest.mark.parametrize("instant", ["infinity", "-infinity", "10000-01-01"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(
            ("django_celery_beat_periodictask", column)
            for column in ("start_time", "expires", "last_run_at", "date_changed")
        ),
        ("django_celery_beat_clockedschedule", "clocked_time"),
        ("scheduling_schedule", "next_slot"),
        ("scheduling_schedule", "paused_until"),
    ],
)
@pytest.mark.usefixtures("daily")
def test_an_instant_that_nobody_could_read_is_refused(
    table: str, column: str, instant: str
) -> None:
    ClockedSchedule.objects.create(clocked_time=database_now())

    with pytest.raises(IntegrityError, match="instants_in_calendar"):
        write_by_sql(table, column, instant)


@pytest.mark.parametrize("column", ["catch_up_window", "time_limit", "alert_after"])
@pytest.mark.parametrize("duration", ["2000000000 days", "3651 days"])
@pytest.mark.usefixtures("daily")
def test_a_duration_that_nobody_could_add_is_refused(
    column: str, duration: str
) -> None:
    with pytest.raises(IntegrityError, match="durations_up_to_ten_years"):
        write_by_sql("scheduling_schedule", column, duration)


def write_by_sql(table: str, column: str, value: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s", [value])  # noqa: S608
