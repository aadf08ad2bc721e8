"""Rows that cannot run say so in sentences, whatever stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pytest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from hypothesis import given
from hypothesis import strategies as st

from scheduling.models import Schedule
from scheduling.timing import timing_of, with_schedules
from scheduling.validity import (
    NotRunnableError,
    Problem,
    arguments_of,
    problems_of,
    unsendable,
)
from tests.scheduling.schedules import spoil_zone
from tests.scheduling.tasks_of_tests import offered, own_registry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def takes(
    limit: int = 1,
    kinds: list[Literal["a", "b"]] | None = None,
    slot: datetime | None = None,
    since: date | None = None,
) -> None: ...


def needs(name: str) -> None: ...
def hourly_at_most() -> None: ...


@pytest.fixture(autouse=True)
def _own_tasks() -> Iterator[None]:
    with own_registry():
        offered(takes)
        offered(needs)
        offered(hourly_at_most, min_interval=timedelta(hours=1))
        yield


def row(**fields: Any) -> PeriodicTask:
    """Return an unsaved schedule of `takes` that can run, but for these fields."""
    fields.setdefault("task", "tests.takes")
    if not {"interval", "crontab", "solar", "clocked"} & fields.keys():
        fields["interval"] = IntervalSchedule(every=10, period="minutes")
    return PeriodicTask(name="Theirs", **fields)


def messages(task: PeriodicTask) -> list[str]:
    return [problem.message for problem in problems_of(task)]


def fields_of(task: PeriodicTask) -> list[str]:
    return [problem.field for problem in problems_of(task)]


def test_a_row_that_fits_has_no_problems() -> None:
    task = row(
        args="[3]", kwargs='{"kinds": ["a"], "since": "2026-01-01"}', headers="{}"
    )

    assert problems_of(task) == []
    assert arguments_of(task) == (
        [],
        {"limit": 3, "kinds": ["a"], "since": "2026-01-01"},
    )


def test_empty_fields_are_as_good_as_none() -> None:
    task = row(args="", kwargs="", headers="", queue="", exchange="", routing_key="")

    assert problems_of(task) == []
    assert arguments_of(task) == ([], {})


def test_headers_of_none_are_no_problem() -> None:
    assert problems_of(row(headers=None)) == []


def test_positional_arguments_pass_over_the_slot() -> None:
    task = row(args='[3, ["b"], "2026-01-01"]')

    assert problems_of(task) == []
    assert arguments_of(task)[1] == {
        "limit": 3,
        "kinds": ["b"],
        "since": "2026-01-01",
    }


@pytest.mark.parametrize(
    "name", ["", "a.task", "os.system", "orders.tasks.execute_auto_close", "x\0y"]
)
def test_a_task_that_is_not_offered_is_refused(name: str) -> None:
    (problem,) = problems_of(row(task=name))

    assert problem == Problem(
        "task",
        f"{json.dumps(name)} is not a task that can be scheduled. Choose one of those "
        "offered, or mark it @schedulable in the code.",
    )
    with pytest.raises(NotRunnableError, match="not a task that can be scheduled"):
        arguments_of(row(task=name))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"args": "1"}, "args must be a JSON list such as [], not 1. Write [] for"),
        ({"args": "{}"}, "args must be a JSON list such as [], not {}."),
        ({"args": "[1"}, "args must be a JSON list such as [], not [1."),
        ({"args": "[NaN]"}, "args must be a JSON list such as [], not [NaN]."),
        ({"args": "null"}, "args must be a JSON list such as [], not null."),
        ({"args": "\0"}, 'args must be a JSON list such as [], not "\\u0000".'),
        ({"args": "[" * 100_000}, "args must be a JSON list such as [], not [[["),
        ({"args": "[" + "9" * 5000 + "]"}, "args must be a JSON list such as [], not"),
        ({"args": [1]}, "args must be a JSON list such as [], not [1]."),
        ({"args": "[true]"}, "limit must be a whole number, not true."),
        ({"args": '[1, "a"]'}, "kinds must be a list of any of"),
        ({"args": "[1, null, null, 4]"}, "tests.takes takes 3 positional arguments at"),
        ({"args": "[1]", "kwargs": '{"limit": 2}'}, "limit is in args and in kwargs"),
        ({"kwargs": "[]"}, "kwargs must be a JSON object such as {}, not []."),
        ({"kwargs": "limit=1"}, "kwargs must be a JSON object such as {}, not limit="),
        ({"kwargs": "{'limit': 1}"}, "kwargs must be a JSON object such as {}, not {'"),
        ({"kwargs": '{"limit": 1e999}'}, "limit must be a whole number, not Infinity"),
        ({"kwargs": '{"limit": "1"}'}, 'limit must be a whole number, not "1".'),
        ({"kwargs": '{"kinds": ["c"]}'}, 'kinds must be a list of any of "a", "b"'),
        ({"kwargs": '{"days": 1}'}, "days is not an argument of this task; it takes:"),
        ({"kwargs": '{"slot": null}'}, "slot is filled in by the clock: leave it out."),
        ({"task": "tests.needs"}, "name is missing: a text."),
        (
            {"task": "tests.needs", "kwargs": '{"name": "a\\u0000"}'},
            "name must be a text without control characters.",
        ),
        ({"headers": "[1]"}, "headers must be empty, not [1]: the clock writes its"),
        ({"headers": '{"a": 1}'}, 'headers must be empty, not {"a": 1}:'),
        ({"headers": "x"}, "headers must be empty, not x:"),
        ({"queue": "other"}, 'queue must be empty, not "other": the project'),
        ({"exchange": "other"}, 'exchange must be empty, not "other":'),
        ({"routing_key": "a.#"}, 'routing_key must be empty, not "a.#":'),
        ({"priority": 0}, "priority must be empty, not 0:"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_forbids_a_row_to_run_is_told(
    fields: dict[str, Any], sentence: str
) -> None:
    (message,) = messages(row(**fields))

    assert message.startswith(sentence)
    assert len(message) < 300


def test_a_row_has_all_its_problems_told_at_once() -> None:
    task = row(task="a.task", args="{}", kwargs="[]", headers="[1]", queue="other")

    assert fields_of(task) == ["task", "args", "kwargs", "queue", "headers"]


def test_what_cannot_be_sent_is_told_whenever_it_is_due() -> None:
    never = CrontabSchedule(day_of_month="31", month_of_year="2")

    assert unsendable(row(crontab=never)) == ""
    assert unsendable(row(task="a.task", queue="other")).startswith(
        '"a.task" is not a task that can be scheduled.'
    )
    assert 'queue must be empty, not "other"' in unsendable(row(queue="other"))


def test_an_interval_under_the_tasks_own_is_refused() -> None:
    (problem,) = problems_of(
        row(interval=IntervalSchedule(every=1, period="microseconds"))
    )

    assert problem == Problem(
        "interval",
        "It runs too often for tests.takes: there must be at least 1 min between two "
        "runs. Choose a longer interval.",
    )
    assert not problems_of(row(interval=IntervalSchedule(every=60, period="seconds")))


@pytest.mark.parametrize(
    ("minute", "hour", "field"),
    [
        ("0", "*", []),
        ("30", "*/2", []),
        ("0", "3", []),
        ("0,30", "3", ["crontab"]),
        ("*", "*", ["crontab"]),
        ("0-1", "3", ["crontab"]),
    ],
)
def test_a_crontab_keeps_to_the_tasks_own_interval(
    minute: str, hour: str, field: list[str]
) -> None:
    crontab = CrontabSchedule(minute=minute, hour=hour)

    assert fields_of(row(task="tests.hourly_at_most", crontab=crontab)) == field


@pytest.mark.parametrize(
    "schedule",
    [
        {"crontab": CrontabSchedule(day_of_month="31", month_of_year="2")},
        {"crontab": CrontabSchedule(minute="61")},
        {"crontab": CrontabSchedule(minute="often")},
        {"interval": IntervalSchedule(every=0, period="days")},
        {"interval": IntervalSchedule(every=-5, period="days")},
        {"interval": IntervalSchedule(every=10, period="fortnights")},
        {"interval": IntervalSchedule(every=2**31 - 1, period="days")},
        {"interval": None},
        {
            "interval": IntervalSchedule(every=1, period="days"),
            "crontab": CrontabSchedule(),
        },
        {"solar": SolarSchedule(event="brunch", latitude=1, longitude=1)},
        {"solar": SolarSchedule(event="sunrise", latitude=100, longitude=1)},
    ],
    ids=str,
)
def test_a_time_without_a_meaning_is_refused(schedule: dict[str, Any]) -> None:
    (problem,) = problems_of(row(**schedule))

    assert problem.message.endswith(".")


def test_a_schedule_whose_time_has_passed_never_fires() -> None:
    past = ClockedSchedule(clocked_time=NOW - timedelta(days=1))
    task = row(clocked=past, one_off=True)

    (message,) = [one.message for one in problems_of(task, timing_of(task, NOW))]

    assert message.startswith("It never fires: its time has passed")


def test_a_schedule_that_has_had_its_time_is_no_problem() -> None:
    past = ClockedSchedule(clocked_time=NOW - timedelta(days=1))
    created = NOW - timedelta(days=2)
    task = row(clocked=past, one_off=True)

    assert problems_of(task, timing_of(task, created)) == []


def test_a_schedule_that_is_off_need_not_fire() -> None:
    past = ClockedSchedule(clocked_time=NOW - timedelta(days=1))
    task = row(clocked=past, one_off=True, enabled=False)

    assert problems_of(task, timing_of(task, NOW)) == []


def test_a_schedule_that_ends_before_it_comes_round_never_fires() -> None:
    task = row(
        interval=IntervalSchedule(every=7, period="days"),
        expires=NOW + timedelta(days=6),
    )

    assert [problem.field for problem in problems_of(task, timing_of(task, NOW))] == [
        "interval"
    ]


@pytest.mark.django_db
def test_a_schedule_counts_from_when_the_clock_first_saw_it() -> None:
    task = PeriodicTask.objects.create(
        name="Once",
        task="tests.takes",
        clocked=ClockedSchedule.objects.create(clocked_time=NOW),
        one_off=True,
    )

    unseen = messages(PeriodicTask.objects.get(pk=task.pk))
    Schedule.objects.update_or_create(
        pk=task.pk,
        defaults={"anchor": NOW - timedelta(hours=1), "changed_at": NOW},
    )

    assert [message[:14] for message in unseen] == ["It never fires"]
    assert messages(PeriodicTask.objects.get(pk=task.pk)) == []


@pytest.mark.django_db
def test_a_zone_that_does_not_exist_spoils_its_own_row_alone() -> None:
    zoned = CrontabSchedule.objects.create(minute="1", timezone="Asia/Tokyo")
    poisoned = PeriodicTask.objects.create(
        name="Poisoned", task="tests.takes", crontab=zoned
    )
    sound = PeriodicTask.objects.create(
        name="Sound",
        task="tests.takes",
        crontab=CrontabSchedule.objects.create(minute="2", timezone="Asia/Tokyo"),
    )
    spoil_zone(zoned.pk, "Mars/Olympus")

    tasks = with_schedules(PeriodicTask.objects.filter(task="tests.takes"))
    found = {task.pk: messages(task) for task in tasks}

    assert found[sound.pk] == []
    (message,) = found[poisoned.pk]
    assert "Mars/Olympus" in message
    assert len(messages(PeriodicTask.objects.get(pk=poisoned.pk))) == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = st.text() | JSON_VALUES.map(json.dumps)
KWARGS = st.dictionaries(
    st.sampled_from(["limit", "kinds", "slot", "since"]) | st.text(), JSON_VALUES
).map(json.dumps)


@given(
    task=st.text() | st.sampled_from(["tests.takes", "tests.needs"]),
    args=FIELDS,
    kwargs=FIELDS | KWARGS,
    headers=st.none() | FIELDS,
    queue=st.none() | st.text(),
    priority=st.none() | st.integers(),
    every=st.integers(),
    period=st.text() | st.sampled_from(["days", "seconds", "microseconds"]),
    expires=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_no_row_makes_it_raise(
    every: int, period: str, **fields: str | int | None
) -> None:
    task = row(interval=IntervalSchedule(every=every, period=period), **fields)

    problems = problems_of(task)

    assert all(problem.field and problem.message for problem in problems)
    if not problems:
        args, kwargs = arguments_of(task)
        assert json.loads(json.dumps([args, kwargs], allow_nan=False)) == [args, kwargs]


CRONTAB_TEXT = st.text(max_size=8) | st.from_regex(
    r"[0-9*/,-]{1,8}|mon|jan", fullmatch=True
)


@given(
    crontab=st.builds(
        CrontabSchedule,
        minute=CRONTAB_TEXT,
        hour=CRONTAB_TEXT,
        day_of_month=CRONTAB_TEXT,
        month_of_year=CRONTAB_TEXT,
        day_of_week=CRONTAB_TEXT,
        timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    ),
    start_time=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_no_crontab_makes_it_raise(
    crontab: CrontabSchedule, start_time: datetime | None
) -> None:
    problems = problems_of(row(crontab=crontab, start_time=start_time))

    assert all(problem.field and problem.message for problem in problems)
