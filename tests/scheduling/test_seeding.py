"""The schedules of a database follow the table of defaults, and staff before it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction
from django_celery_beat.models import (
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
)
from pytest_django import DjangoAssertNumQueries, Settings

from scheduling.defaults import DEFAULT_SCHEDULES, Crontab, DefaultSchedule, Interval
from scheduling.models import AppliedDefault
from scheduling.seeding import (
    Outcome,
    SeededSchedule,
    apply_defaults,
    check_defaults,
    reset_default,
)
from tests.scheduling.waiting import somebody_waits_for_us, until

SWEEPING = DefaultSchedule(
    name="Sweep the yard",
    task="yard.tasks.sweep",
    schedule=Crontab(minute="0", hour="6"),
    description="Sweeps.",
)
LATER = replace(SWEEPING, schedule=Crontab(minute="30", hour="7"))
EVERY_DAY = replace(SWEEPING, schedule=Interval(every=1, period="days"))

RAN_AT = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)

SeedResult = TypeVar("SeedResult")

one_database = pytest.mark.django_db
several_connections = pytest.mark.django_db(transaction=True)


def apply(default: DefaultSchedule) -> SeededSchedule:
    (seeded,) = apply_defaults([default])
    return seeded


def check(default: DefaultSchedule) -> SeededSchedule:
    (seeded,) = check_defaults([default])
    return seeded


def sweeping() -> PeriodicTask:
    return PeriodicTask.objects.get(name=SWEEPING.name)


def edit(**fields: Any) -> PeriodicTask:
    """Change the schedule as a form of Admin does."""
    task = sweeping()
    for field, value in fields.items():
        setattr(task, field, value)
    task.save()
    return task


def everything() -> list[object]:
    """Every row that seeding could write, and the mark that beat looks at."""
    models = (PeriodicTask, CrontabSchedule, IntervalSchedule, AppliedDefault)
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    return [*rows, PeriodicTasks.last_change()]


@one_database
def test_what_is_missing_is_created(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "America/New_York"

    seeded = apply(SWEEPING)

    assert seeded == SeededSchedule(name="Sweep the yard", outcome=Outcome.CREATED)
    assert sweeping().task == "yard.tasks.sweep"
    assert str(sweeping().crontab) == "0 6 * * * (m/h/dM/MY/d) America/New_York"
    assert sweeping().description == "Sweeps."
    assert sweeping().enabled


@one_database
def test_an_interval_is_created_too() -> None:
    apply(EVERY_DAY)

    assert str(sweeping().interval) == "every day"
    assert sweeping().crontab is None


@one_database
def test_a_deleted_schedule_comes_back() -> None:
    apply(SWEEPING)
    PeriodicTask.objects.filter(crontab__hour="6").delete()
    CrontabSchedule.objects.get(hour="6").delete()

    seeded = apply(SWEEPING)

    assert seeded.outcome == Outcome.CREATED
    assert sweeping().crontab.hour == "6"


@one_database
def test_beat_is_told_of_a_new_schedule() -> None:
    before = PeriodicTasks.last_change()

    apply(SWEEPING)

    after = PeriodicTasks.last_change()
    assert after is not None
    assert before is None or after > before


@one_database
@pytest.mark.parametrize("default", [SWEEPING, EVERY_DAY], ids=["crontab", "interval"])
def test_nothing_is_written_where_nothing_differs(
    default: DefaultSchedule, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    apply(default)
    before = everything()

    with django_assert_num_queries(3) as reads:
        seeded = apply(default)

    assert seeded == SeededSchedule(name=default.name, outcome=Outcome.SAME)
    assert everything() == before
    statements = {query["sql"].split()[0] for query in reads.captured_queries}
    assert statements == {"SELECT"}


@one_database
def test_a_field_that_staff_left_alone_moves() -> None:
    apply(SWEEPING)
    edit(last_run_at=RAN_AT, total_run_count=9)
    told_beat = PeriodicTasks.last_change()

    seeded = apply(LATER)

    assert seeded.outcome == Outcome.MOVED
    assert [one.field for one in seeded.moved] == ["schedule"]
    assert (sweeping().crontab.hour, sweeping().crontab.minute) == ("7", "30")
    assert PeriodicTasks.last_change() > told_beat
    assert apply(LATER).outcome == Outcome.SAME


@one_database
def test_a_move_keeps_when_a_schedule_ran() -> None:
    apply(SWEEPING)
    edit(last_run_at=RAN_AT, total_run_count=9)

    apply(LATER)

    assert (sweeping().last_run_at, sweeping().total_run_count) == (RAN_AT, 9)


@one_database
def test_a_move_of_a_disabled_schedule_leaves_it_disabled() -> None:
    apply(SWEEPING)
    PeriodicTask.objects.filter(name=SWEEPING.name).update(
        enabled=False, last_run_at=RAN_AT
    )

    seeded = apply(LATER)

    assert seeded.outcome == Outcome.MOVED
    assert [one.field for one in seeded.kept] == ["enabled"]
    assert sweeping().crontab.hour == "7"
    assert not sweeping().enabled
    assert sweeping().last_run_at == RAN_AT


@one_database
def test_a_default_may_move_to_another_kind_of_schedule() -> None:
    apply(SWEEPING)

    apply(EVERY_DAY)

    assert sweeping().crontab is None
    assert str(sweeping().interval) == "every day"


@one_database
def test_defaults_follow_the_business_time_zone(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "UTC"
    apply(SWEEPING)
    settings.BUSINESS_TIME_ZONE = "Europe/Berlin"

    apply(SWEEPING)

    assert str(sweeping().crontab.timezone) == "Europe/Berlin"


@one_database
def test_a_move_leaves_other_schedules_on_the_same_crontab() -> None:
    apply(SWEEPING)
    shared = sweeping().crontab
    neighbour = PeriodicTask.objects.create(name="Next", task="a.task", crontab=shared)
    before = str(shared)

    apply(LATER)

    neighbour.refresh_from_db()
    assert neighbour.crontab_id == shared.pk
    assert str(CrontabSchedule.objects.get(pk=shared.pk)) == before
    assert sweeping().crontab_id != shared.pk


@one_database
def test_the_oldest_of_equal_crontabs_is_used(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "UTC"
    equal = [
        CrontabSchedule.objects.create(minute="0", hour="6", timezone="UTC")
        for _ in range(2)
    ]

    apply(SWEEPING)

    assert sweeping().crontab == equal[0]
    assert CrontabSchedule.objects.filter(hour="6").count() == 2


@one_database
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("enabled", False),
        ("kwargs", '{"corner": 4}'),
        ("args", "[4]"),
        ("queue", "slow"),
        ("priority", 0),
        ("expire_seconds", 60),
        ("start_time", RAN_AT),
        ("one_off", True),
        ("task", "their.task"),
        ("description", ""),
    ],
)
def test_a_field_that_staff_changed_is_kept(field: str, value: object) -> None:
    apply(SWEEPING)
    edit(**{field: value})
    before = everything()

    seeded = apply(SWEEPING)

    assert seeded.outcome == Outcome.KEPT
    assert [(one.field, one.standing) for one in seeded.kept] == [(field, value)]
    assert everything() == before


@one_database
def test_a_crontab_that_staff_edited_in_place_is_kept() -> None:
    apply(SWEEPING)
    crontab = sweeping().crontab
    crontab.minute = "59"
    crontab.save()

    seeded = apply(LATER)

    assert [one.field for one in seeded.kept] == ["schedule"]
    assert sweeping().crontab.minute == "59"


@one_database
def test_another_kind_of_schedule_that_staff_chose_is_kept() -> None:
    apply(SWEEPING)
    hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    edit(crontab=None, interval=hourly)

    seeded = apply(LATER)

    assert seeded.outcome == Outcome.KEPT
    assert (sweeping().crontab, sweeping().interval) == (None, hourly)


@one_database
def test_one_field_moves_beside_another_that_staff_changed() -> None:
    apply(SWEEPING)
    edit(description="Ours.")

    seeded = apply(replace(LATER, description="Sweeps twice."))

    assert seeded.outcome == Outcome.MOVED
    assert [one.field for one in seeded.moved] == ["schedule"]
    assert [one.field for one in seeded.kept] == ["description"]
    assert sweeping().description == "Ours."


@one_database
def test_an_edit_that_agrees_with_the_table_counts_as_left_alone() -> None:
    apply(SWEEPING)
    edit(description="Sweeps twice.")
    twice = replace(SWEEPING, description="Sweeps twice.")

    agreed = apply(twice)
    moved = apply(replace(SWEEPING, description="Sweeps thrice."))

    assert agreed.outcome == Outcome.SAME
    assert moved.outcome == Outcome.MOVED
    assert sweeping().description == "Sweeps thrice."


@one_database
def test_an_edit_back_to_an_earlier_default_is_kept() -> None:
    apply(SWEEPING)
    edit(description="Ours.")
    twice = replace(SWEEPING, description="Sweeps twice.")
    apply(twice)
    edit(description=SWEEPING.description)

    seeded = apply(twice)

    assert seeded.outcome == Outcome.KEPT
    assert sweeping().description == SWEEPING.description


@one_database
def test_an_option_that_a_form_left_empty_is_no_edit() -> None:
    apply(SWEEPING)
    PeriodicTask.objects.filter(name=SWEEPING.name).update(kwargs="", headers="")

    assert apply(SWEEPING).outcome == Outcome.SAME


@one_database
def test_a_schedule_spoilt_by_hand_stops_no_deploy() -> None:
    apply(SWEEPING)
    PeriodicTask.objects.filter(name=SWEEPING.name).update(crontab=None)

    seeded = apply(replace(LATER, description="Sweeps twice."))

    assert [one.field for one in seeded.moved] == ["description"]
    assert [one.field for one in seeded.kept] == ["schedule"]
    assert sweeping().description == "Sweeps twice."


@pytest.fixture
def foreign(db: None) -> PeriodicTask:  # noqa: ARG001 - where it is made
    """Make a schedule that has the name of a default, and nothing else of it."""
    daily = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.DAYS)
    made: PeriodicTask = PeriodicTask.objects.create(
        name=SWEEPING.name, task="a.task", interval=daily
    )
    return made


@pytest.mark.usefixtures("foreign")
def test_a_schedule_that_somebody_else_made_is_left() -> None:
    before = everything()

    seeded = apply(SWEEPING)

    assert seeded.outcome == Outcome.FOREIGN
    assert {one.field for one in seeded.kept} == {"task", "schedule", "description"}
    assert everything() == before


@pytest.mark.usefixtures("foreign")
def test_a_schedule_that_somebody_else_made_is_adopted_by_a_reset() -> None:
    reset_default(SWEEPING)

    seeded = apply(LATER)

    assert seeded.outcome == Outcome.MOVED
    assert sweeping().task == SWEEPING.task
    assert sweeping().crontab.hour == "7"


@one_database
@pytest.mark.parametrize(
    ("applied", "now", "outcome", "is_drift"),
    [
        (None, SWEEPING, Outcome.CREATED, True),
        (SWEEPING, SWEEPING, Outcome.SAME, False),
        (SWEEPING, LATER, Outcome.MOVED, True),
    ],
)
def test_a_check_tells_and_writes_nothing(
    *,
    applied: DefaultSchedule | None,
    now: DefaultSchedule,
    outcome: Outcome,
    is_drift: bool,
) -> None:
    if applied:
        apply(applied)
    before = everything()

    seeded = check(now)

    assert (seeded.outcome, seeded.is_drift) == (outcome, is_drift)
    assert everything() == before


@one_database
def test_what_staff_changed_is_no_drift() -> None:
    apply(SWEEPING)
    edit(enabled=False)

    seeded = check(SWEEPING)

    assert seeded.outcome == Outcome.KEPT
    assert not seeded.is_drift


@one_database
def test_a_reset_puts_every_field_back() -> None:
    apply(SWEEPING)
    hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    edit(
        crontab=None,
        interval=hourly,
        kwargs='{"corner": 4}',
        queue="slow",
        last_run_at=RAN_AT,
        total_run_count=9,
    )
    told_beat = PeriodicTasks.last_change()

    seeded = reset_default(SWEEPING)

    fields = {one.field for one in seeded.moved}
    assert seeded.outcome == Outcome.RESET
    assert fields == {"schedule", "kwargs", "queue"}
    assert check(SWEEPING).outcome == Outcome.SAME
    assert sweeping().interval is None
    assert (sweeping().last_run_at, sweeping().total_run_count) == (RAN_AT, 9)
    assert PeriodicTasks.last_change() > told_beat


@one_database
def test_a_reset_enables() -> None:
    apply(SWEEPING)
    edit(enabled=False)

    reset_default(SWEEPING)

    assert sweeping().enabled


@one_database
def test_a_reset_brings_back_a_deleted_schedule() -> None:
    apply(SWEEPING)
    sweeping().delete()

    seeded = reset_default(SWEEPING)

    assert seeded.outcome == Outcome.CREATED
    assert check(SWEEPING).outcome == Outcome.SAME


@one_database
def test_a_reset_of_a_schedule_as_it_should_be_writes_nothing() -> None:
    apply(SWEEPING)
    before = everything()

    reset_default(SWEEPING)

    assert everything() == before


def in_other_connection(action: Callable[[], SeedResult]) -> SeedResult:
    try:
        return action()
    finally:
        connection.close()


def four_at_once(action: Callable[[], SeedResult]) -> list[SeedResult]:
    together = threading.Barrier(4, timeout=30)

    def run() -> SeedResult:
        connection.ensure_connection()
        together.wait()
        return action()

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(in_other_connection, run) for _ in range(4)]
        return [one.result(60) for one in running]


@several_connections
def test_four_processes_at_once_create_each_schedule_once() -> None:
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()
    AppliedDefault.objects.all().delete()

    seeded = [one for outcome in four_at_once(apply_defaults) for one in outcome]

    created = [one.name for one in seeded if one.outcome == Outcome.CREATED]
    others = {one.outcome for one in seeded if one.outcome != Outcome.CREATED}
    assert sorted(created) == sorted(default.name for default in DEFAULT_SCHEDULES)
    assert others == {Outcome.SAME}
    assert PeriodicTask.objects.count() == CrontabSchedule.objects.count() == 2


@several_connections
def test_four_processes_at_once_move_a_schedule_once() -> None:
    apply(SWEEPING)

    seeded = four_at_once(lambda: apply(LATER))

    outcomes = sorted(one.outcome for one in seeded)
    assert outcomes == ["moved", "same", "same", "same"]
    assert CrontabSchedule.objects.filter(hour="7").count() == 1


@several_connections
def test_four_processes_at_once_reset_a_schedule_once() -> None:
    apply(SWEEPING)
    edit(enabled=False)
    CrontabSchedule.objects.filter(hour="6").update(hour="8")

    seeded = four_at_once(lambda: reset_default(SWEEPING))

    assert sum(bool(one.moved) for one in seeded) == 1
    assert CrontabSchedule.objects.filter(hour="6").count() == 1


def while_staff_save(
    change: Callable[[], object], default: DefaultSchedule
) -> SeededSchedule:
    """Seed at a moment at which an edit in Admin has begun and not written yet.

    Saving tells beat first: whoever held the task and wanted to tell beat then would
    wait for the edit, and the edit for them.
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            PeriodicTasks.update_changed()
            seeding: Future[SeededSchedule] = pool.submit(
                in_other_connection, lambda: apply(default)
            )
            until(somebody_waits_for_us)
            change()
        return seeding.result(60)


@several_connections
def test_a_schedule_that_staff_create_at_the_same_moment_is_left() -> None:
    nightly = CrontabSchedule.objects.create(minute="30", hour="2")

    seeded = while_staff_save(
        lambda: PeriodicTask.objects.create(
            name=SWEEPING.name, task="a.task", crontab=nightly
        ),
        SWEEPING,
    )

    assert seeded.outcome == Outcome.FOREIGN
    assert sweeping().crontab == nightly


@several_connections
def test_a_schedule_that_a_script_inserts_at_the_same_moment_is_left() -> None:
    nightly = CrontabSchedule.objects.create(minute="30", hour="2")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            theirs = PeriodicTask(name=SWEEPING.name, task="a.task", crontab=nightly)
            PeriodicTask.objects.bulk_create([theirs])
            seeding = pool.submit(in_other_connection, lambda: apply(SWEEPING))
            until(somebody_waits_for_us)
        seeded = seeding.result(60)

    assert seeded.outcome == Outcome.FOREIGN
    assert sweeping().crontab == nightly
    assert not CrontabSchedule.objects.filter(hour="6").exists()


@several_connections
def test_an_edit_that_staff_save_at_the_same_moment_is_kept() -> None:
    apply(SWEEPING)
    nightly = CrontabSchedule.objects.create(minute="30", hour="2")

    seeded = while_staff_save(lambda: edit(crontab=nightly), LATER)

    assert seeded.outcome == Outcome.KEPT
    assert sweeping().crontab == nightly


@several_connections
def test_a_deploy_with_nothing_to_do_waits_for_no_edit() -> None:
    apply(SWEEPING)

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        edit(description="Ours.")
        seeding = pool.submit(in_other_connection, lambda: apply(SWEEPING))
        seeded = seeding.result(60)

    assert seeded.outcome == Outcome.SAME
