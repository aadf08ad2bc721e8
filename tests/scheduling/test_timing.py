"""What the rows of a PeriodicTask say about when it is due."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django_celery_beat.models import (
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from pytest_django import DjangoAssertNumQueries

from scheduling import timing
from scheduling.slots import (
    Clocked,
    Crontab,
    Interval,
    InvalidTimingError,
    Solar,
    Timing,
)
from tests.scheduling.factories import (
    ClockedScheduleFactory,
    CrontabScheduleFactory,
    IntervalScheduleFactory,
    PeriodicTaskFactory,
    SolarScheduleFactory,
)
from tests.scheduling.schedules import spoil_zone

pytestmark = pytest.mark.django_db

ANCHOR = datetime(2026, 7, 1, tzinfo=UTC)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def read(task: PeriodicTask) -> PeriodicTask:
    return timing.with_schedules(PeriodicTask.objects.all()).get(pk=task.pk)


def crontab_task(**fields: str) -> PeriodicTask:
    crontab = CrontabScheduleFactory.create(**fields)
    return PeriodicTaskFactory.create(interval=None, crontab=crontab)


def test_a_crontab_is_read_with_its_zone() -> None:
    task = crontab_task(
        minute="5",
        hour="6",
        day_of_month="7",
        month_of_year="8",
        day_of_week="1",
        timezone="Europe/Berlin",
    )

    found = timing.timing_of(task, ANCHOR)

    rule = Crontab("5", "6", "7", "8", "1", "Europe/Berlin")
    assert found == Timing(rule, ANCHOR)
    assert timing.timing_of(read(task), ANCHOR) == found


@pytest.mark.parametrize("period", ["days", "hours", "minutes", "seconds"])
def test_an_interval_is_read_with_its_period(period: str) -> None:
    interval = IntervalScheduleFactory.create(every=3, period=period)
    task = PeriodicTaskFactory.create(interval=interval)

    found = timing.timing_of(task, ANCHOR)

    assert found == Timing(Interval(timedelta(**{period: 3})), ANCHOR)


def test_a_solar_event_is_read_with_its_place() -> None:
    solar = SolarScheduleFactory.create(event="sunset", latitude=Decimal("-33.9"))
    task = PeriodicTaskFactory.create(interval=None, solar=solar)

    found = timing.timing_of(task, ANCHOR)

    assert found.rule == Solar("sunset", -33.9, 13.4)


def test_a_clocked_time_is_read() -> None:
    clocked = ClockedScheduleFactory.create(clocked_time=NOON)
    task = PeriodicTaskFactory.create(interval=None, clocked=clocked, one_off=True)

    assert timing.timing_of(task, ANCHOR) == Timing(Clocked(NOON), ANCHOR, one_off=True)


def test_the_bounds_are_read() -> None:
    later = NOON + timedelta(days=1)
    task = PeriodicTaskFactory.create(start_time=NOON, expires=later, one_off=True)

    found = timing.timing_of(task, ANCHOR)

    assert (found.start_time, found.expires, found.one_off) == (NOON, later, True)


def test_a_task_that_is_not_saved_is_read_too() -> None:
    task = PeriodicTask(crontab=CrontabSchedule(minute="5", timezone="Asia/Kolkata"))

    found = timing.timing_of(task, ANCHOR)

    assert found.rule == Crontab(minute="5", zone="Asia/Kolkata")


def test_a_schedule_set_since_the_reading_is_the_one_that_counts() -> None:
    task = read(crontab_task(timezone="Europe/Berlin"))
    task.crontab = CrontabScheduleFactory.create(timezone="Asia/Kolkata")

    found = timing.timing_of(task, ANCHOR)

    assert found.rule == Crontab("0", "0", zone="Asia/Kolkata")


@pytest.mark.parametrize(
    ("task", "field", "sentence"),
    [
        (
            PeriodicTask(),
            "schedule",
            "It has no schedule: give it an interval or a crontab.",
        ),
        (
            PeriodicTask(
                interval=IntervalSchedule(every=1, period="days"),
                crontab=CrontabSchedule(timezone="UTC"),
            ),
            "schedule",
            "It has interval and crontab at once: keep only one of them.",
        ),
        (
            PeriodicTask(interval=IntervalSchedule(every=0, period="days")),
            "every",
            "An interval must be longer than zero: enter 1 or more.",
        ),
        (
            PeriodicTask(interval=IntervalSchedule(every=2**31 - 1, period="days")),
            "every",
            "2147483647 days are too long: enter a smaller number.",
        ),
        (
            PeriodicTask(interval=IntervalSchedule(every=1, period="weeks")),
            "period",
            "There is no period 'weeks': use days, hours, minutes or seconds.",
        ),
        (
            PeriodicTask(
                crontab=CrontabSchedule(
                    day_of_month="31", month_of_year="2", timezone="UTC"
                )
            ),
            "day_of_month",
            "Day 31 never occurs in month 2: change the day or the month.",
        ),
        (
            PeriodicTask(
                solar=SolarSchedule(
                    event="sunrise", latitude=Decimal("NaN"), longitude=Decimal(0)
                )
            ),
            "latitude",
            "There is no latitude nan: use -90 to 90.",
        ),
    ],
)
def test_rows_without_a_meaning_are_refused_and_told_in_words(
    task: PeriodicTask, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidTimingError) as refusal:
        timing.timing_of(task, ANCHOR)

    assert (refusal.value.field, str(refusal.value)) == (field, sentence)
    assert timing.in_words(task) == sentence


@pytest.mark.parametrize("zone", ["Europe/Nowhere", ""])
def test_a_zone_that_sql_wrote_spoils_its_own_task_alone(zone: str) -> None:
    spoilt, sound = crontab_task(hour="5"), crontab_task(hour="6")
    spoil_zone(spoilt.crontab_id, zone)
    tasks = {
        task.pk: task for task in timing.with_schedules(PeriodicTask.objects.all())
    }

    with pytest.raises(InvalidTimingError, match="use an IANA name") as refusal:
        timing.timing_of(tasks[spoilt.pk], ANCHOR)

    assert refusal.value.field == "zone"
    assert "use an IANA name" in timing.in_words(tasks[spoilt.pk])
    assert timing.timing_of(tasks[sound.pk], ANCHOR).rule == Crontab("0", "6")


def test_such_a_zone_is_refused_also_where_the_crontab_is_read_on_demand() -> None:
    task = PeriodicTask.objects.get(pk=crontab_task().pk)
    spoil_zone(task.crontab_id, "Europe/Nowhere")

    with pytest.raises(InvalidTimingError, match="Europe/Nowhere"):
        timing.timing_of(task, ANCHOR)

    assert timing.fingerprint(task) != timing.fingerprint(crontab_task())


def test_tasks_are_read_with_their_schedules_in_one_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    solar, clocked = SolarScheduleFactory.create(), ClockedScheduleFactory.create()
    made = [
        PeriodicTaskFactory.create(),
        crontab_task(),
        PeriodicTaskFactory.create(interval=None, solar=solar),
        PeriodicTaskFactory.create(interval=None, clocked=clocked, one_off=True),
    ]

    with django_assert_num_queries(1):
        tasks = timing.with_schedules(PeriodicTask.objects.all())
        found = {
            task.pk: (
                timing.timing_of(task, ANCHOR),
                timing.fingerprint(task),
                timing.in_words(task),
            )
            for task in tasks
        }

    assert {task.pk for task in made} <= set(found)


def test_the_fingerprint_is_the_same_however_the_task_was_read() -> None:
    task = crontab_task(timezone="Europe/Berlin")
    plain = PeriodicTask.objects.get(pk=task.pk)

    assert timing.fingerprint(plain) == timing.fingerprint(read(task))


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"one_off": True},
        {"start_time": NOON},
        {"expires": NOON},
    ],
)
def test_an_option_that_decides_slots_changes_the_fingerprint(
    change: dict[str, object],
) -> None:
    task = PeriodicTaskFactory.create()
    before = timing.fingerprint(task)

    PeriodicTask.objects.filter(pk=task.pk).update(**change)

    assert timing.fingerprint(read(task)) != before


@pytest.mark.parametrize(
    "change",
    [
        {"minute": "1"},
        {"hour": "1"},
        {"day_of_month": "1"},
        {"month_of_year": "1"},
        {"day_of_week": "1"},
        {"timezone": "Europe/Berlin"},
    ],
)
def test_each_field_of_a_crontab_changes_the_fingerprint(
    change: dict[str, str],
) -> None:
    task = crontab_task()
    before = timing.fingerprint(read(task))

    CrontabSchedule.objects.filter(pk=task.crontab_id).update(**change)

    assert timing.fingerprint(read(task)) != before


def test_what_decides_no_slot_leaves_the_fingerprint() -> None:
    task = PeriodicTaskFactory.create()
    before = timing.fingerprint(task)

    PeriodicTask.objects.filter(pk=task.pk).update(
        name="Another", kwargs='{"a": 1}', last_run_at=NOON, total_run_count=7
    )

    assert timing.fingerprint(read(task)) == before
