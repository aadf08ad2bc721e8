"""The list of schedules says what will run, what ran, and why not."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduling.admin.recent import recent_runs
from scheduling.clock import database_now
from scheduling.models import Run, Schedule
from scheduling.pausing import pause
from tests.scheduling.admin.desk import (
    LIST,
    PAUSE,
    RUN,
    RUNS,
    VIEW,
    choose,
    question,
    staff,
    text,
    told,
)
from tests.scheduling.schedules import (
    daily,
    every,
    follow_all,
    long_ago,
    ran,
    spoil_zone,
    unseen,
    waits,
)

pytestmark = pytest.mark.django_db


def listed(client: Client, **query: str) -> Any:
    return client.get(reverse(LIST), query)


def names(answer: Any) -> list[str]:
    return [task.name for task in answer.context["cl"].result_list]


def test_a_line_says_what_runs_and_when_in_words(admin_client: Client) -> None:
    daily(3, "Europe/Berlin", name="Tidy up")

    said = text(listed(admin_client))

    assert "Tidy up Delete the login sessions that have expired" in said
    assert "Daily at 03:00, Europe/Berlin" in said


def test_the_next_run_stands_in_the_zone_of_its_schedule(admin_client: Client) -> None:
    task = daily(3, "Asia/Tokyo")
    slot = Schedule.objects.get(pk=task.pk).next_slot
    assert slot is not None

    said = text(listed(admin_client))

    assert f"{slot.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d} 03:00 JST in " in said


def test_a_slot_that_nobody_sent_is_called_overdue(admin_client: Client) -> None:
    task = every(10)
    long_ago(task, next_slot=database_now() - timedelta(minutes=5))

    assert "overdue by 5 min" in text(listed(admin_client))


def test_the_last_run_says_its_state_its_duration_and_how_late_it_was(
    admin_client: Client,
) -> None:
    task = every(10)
    ran(task, "succeeded", at=database_now() - timedelta(hours=2))
    ran(task, "failed", at=database_now() - timedelta(minutes=2))

    assert "Failed 2 min ago took 3 s, 1 s late" in text(listed(admin_client))


def test_the_strip_shows_the_last_twenty_runs_and_leads_to_each(
    admin_client: Client,
) -> None:
    task = every(10)
    now = database_now()
    runs = [ran(task, at=now - timedelta(minutes=10 * i)) for i in range(25)]
    missed = ran(task, "missed", at=now + timedelta(seconds=1), slots_missed=7)

    page = listed(admin_client).content.decode()

    shown = [missed, *runs[:19]]
    places = [
        page.index(f'href="{reverse("admin:scheduling_run_change", args=[run.pk])}"')
        for run in shown
    ]
    assert places == sorted(places, reverse=True)
    assert str(runs[19].pk) not in page
    assert "missed, 7 slots</span>" in page
    assert 'aria-label="The last 20 runs, the newest last"' in page


def test_of_slots_that_were_written_down_together_the_latest_stands_last(
    admin_client: Client,
) -> None:
    task = every(10)
    now = database_now()
    slots = [now - timedelta(minutes=10 * i) for i in range(25)]
    runs = [ran(task, "missed", at=slot, created_at=now) for slot in slots]

    page = listed(admin_client).content.decode()

    places = [page.find(str(run.pk)) for run in runs]
    assert places[:20] == sorted(places[:20], reverse=True)
    assert places[20:] == [-1] * 5


def test_without_the_right_to_see_runs_the_strip_leads_nowhere() -> None:
    run = ran(every(10))

    page = listed(staff(VIEW)).content.decode()

    assert 'class="succeeded"' in page
    assert str(run.pk) not in page
    assert reverse("admin:scheduling_run_changelist") not in page


def test_a_pause_says_who_why_and_until_when(admin_client: Client) -> None:
    task = daily(3, "Europe/Berlin")
    until = datetime(2099, 1, 1, 11, 0, tzinfo=UTC)
    pause([task.pk], by="ben", reason="Stocktaking", until=until)

    said = text(listed(admin_client))

    assert "Paused By ben until 2099-01-01 12:00 CET: Stocktaking" in said


def test_a_schedule_that_cannot_run_says_why(admin_client: Client) -> None:
    every(10, task="no.such.task", name="Astray")

    said = text(listed(admin_client))

    assert "no.such.task" in said
    assert "Stopped" in said
    assert "is not a task that can be scheduled" in said


def test_a_row_spoilt_by_sql_spoils_no_other(admin_client: Client) -> None:
    PeriodicTask.objects.all().delete()
    spoilt, well = daily(3, name="Spoilt"), daily(4, name="Well")
    CrontabSchedule.objects.filter(pk=spoilt.crontab_id).update(hour="99")
    spoil_zone(spoilt.crontab_id)
    follow_all()

    answer = listed(admin_client)

    assert names(answer) == ["Spoilt", "Well"]
    assert "Stopped" in text(answer)
    assert well.crontab.timezone.key in text(answer)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (unseen, "not seen by beat yet"),
        (lambda: every(10, enabled=False), "Disabled"),
        (lambda: every(10), "has not run yet"),
    ],
)
def test_what_has_not_happened_is_said(
    admin_client: Client, make: Callable[[], PeriodicTask], says: str
) -> None:
    make()

    assert says in text(listed(admin_client))


def test_an_empty_list_says_what_to_do(admin_client: Client) -> None:
    PeriodicTask.objects.all().delete()

    said = text(listed(admin_client))

    assert "There is no schedule yet. Add one , or let manage.py" in said


def test_filters_that_find_nothing_say_how_to_go_on(admin_client: Client) -> None:
    assert "Clear the search" in text(listed(admin_client, q="no such name"))


def filtered_schedules() -> None:
    """Make a schedule for each filter, named for the choice that finds it."""
    PeriodicTask.objects.all().delete()
    every(10, name="on")
    pause([every(10, name="paused").pk], by="ben", reason="Stocktaking")
    every(10, name="stopped", task="no.such")
    every(10, name="off", enabled=False)
    waits(every(10, name="at work"))
    wrong = every(10, name="wrong")
    ran(wrong, at=database_now() - timedelta(hours=1))
    ran(wrong, "failed")
    mended = every(10, name="mended")
    ran(mended, "failed", at=database_now() - timedelta(hours=1))
    ran(mended)
    long_ago(every(10, name="overdue"), next_slot=database_now() - timedelta(minutes=5))
    late = every(10, name="not started")
    slot = database_now() - timedelta(minutes=5)
    waits(late, trigger="schedule", slot=slot, state="queued")


ON = ["at work", "mended", "not started", "on", "overdue", "wrong"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "on"}, ON),
        ({"state": "paused"}, ["paused"]),
        ({"state": "stopped"}, ["stopped"]),
        ({"state": "off"}, ["off"]),
        ({"state": "at_work"}, ["at work", "not started"]),
        ({"state": "wrong"}, ["wrong"]),
        ({"overdue": "yes"}, ["not started", "overdue"]),
        ({"task": "other"}, ["stopped"]),
        (
            {"task": "scheduling.tasks.clean_up_expired_sessions", "q": "WORK"},
            ["at work"],
        ),
        ({"q": "not"}, ["not started"]),
    ],
)
def test_filters_and_search_find_what_they_say(
    admin_client: Client, query: dict[str, str], found: list[str]
) -> None:
    filtered_schedules()

    assert names(listed(admin_client, **query)) == found


def test_schedules_are_found_by_kind(admin_client: Client) -> None:
    PeriodicTask.objects.all().delete()
    every(10, name="interval")
    daily(name="crontab")
    sunset = SolarSchedule.objects.create(event="sunset", latitude=52, longitude=13)
    once = ClockedSchedule.objects.create(clocked_time=datetime(2099, 1, 1, tzinfo=UTC))
    PeriodicTask.objects.create(name="solar", task="a", solar=sunset)
    PeriodicTask.objects.create(name="clocked", task="a", clocked=once, one_off=True)
    PeriodicTask.objects.bulk_create([PeriodicTask(name="none", task="a")])

    kinds = ["clocked", "crontab", "interval", "none", "solar"]
    found = [names(listed(admin_client, kind=kind)) for kind in kinds]

    assert found == [[kind] for kind in kinds]


def test_columns_from_the_address_are_no_filters(admin_client: Client) -> None:
    answer = listed(admin_client, crontab__timezone="Mars/Base")

    assert answer.status_code == HTTPStatus.BAD_REQUEST


def test_as_many_queries_whatever_the_page_shows() -> None:
    client = staff(VIEW, RUNS, RUN, PAUSE)
    ran(every(10))
    few = _queries_of(client)
    for _ in range(30):
        task = daily()
        for minutes in range(1, 6):
            ran(task, at=database_now() - timedelta(minutes=minutes))

    many = _queries_of(client)

    assert many == few
    assert many <= 10


def _queries_of(client: Client) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = listed(client)
    assert answer.status_code == HTTPStatus.OK
    return len(queries)


def test_a_page_has_fifty_lines(admin_client: Client) -> None:
    PeriodicTask.objects.all().delete()
    for number in range(52):
        every(10, name=f"Schedule {number:02}")

    assert len(names(listed(admin_client))) == 50
    assert names(listed(admin_client, p="2")) == ["Schedule 50", "Schedule 51"]
    assert len(names(listed(admin_client, all=""))) == 50


def test_a_line_offers_what_its_reader_may_do() -> None:
    task, stopped = every(10), every(10)
    pause([stopped.pk], by="ben", reason="Stocktaking")
    client = staff(VIEW, RUN, PAUSE)

    page = listed(client).content.decode()

    assert f"{question('pause')}?schedule={task.pk}" in page
    assert f"{question('resume')}?schedule={task.pk}" not in page
    assert f"{question('resume')}?schedule={stopped.pk}" in page
    assert f"{question('pause')}?schedule={stopped.pk}" not in page
    assert f"{question('run')}?schedule={stopped.pk}" in page


def test_who_may_only_look_is_offered_nothing() -> None:
    every(10)

    page = listed(staff(VIEW)).content.decode()

    assert "/do/" not in page
    assert 'name="action"' not in page


@pytest.mark.parametrize(
    "right", ["scheduling.view_schedule", RUN, "django_celery_beat.change_periodictask"]
)
def test_whoever_may_act_may_look(right: str) -> None:
    assert listed(staff(right)).status_code == HTTPStatus.OK


def test_who_may_not_look_is_kept_out() -> None:
    assert listed(staff(RUNS)).status_code == HTTPStatus.FORBIDDEN


def test_deleting_takes_its_own_right() -> None:
    task = every(10)

    choose(staff(VIEW, RUN, PAUSE), "delete_selected", task)

    assert PeriodicTask.objects.filter(pk=task.pk).exists()


def test_a_chosen_set_can_be_deleted_and_its_runs_stay() -> None:
    task = every(10)
    run = ran(task)
    client = staff(VIEW, "django_celery_beat.delete_periodictask")

    asked = choose(client, "delete_selected", task)
    client.post(
        reverse(LIST),
        {"action": "delete_selected", "_selected_action": [task.pk], "post": "yes"},
    )

    assert asked.status_code == HTTPStatus.OK
    assert f"{task.name} Runs of before are kept" in text(asked)
    assert not PeriodicTask.objects.filter(pk=task.pk).exists()
    assert not Schedule.objects.filter(pk=task.pk).exists()
    assert Run.objects.get(pk=run.pk).periodic_task_id is None


@pytest.mark.parametrize("chosen", ["abc", "-1", "9" * 30, "1; DROP"])
def test_a_selection_that_is_none_is_told(admin_client: Client, chosen: str) -> None:
    answer = admin_client.post(
        reverse(LIST), {"action": "pause", "_selected_action": [chosen]}
    )

    assert answer.status_code == HTTPStatus.FOUND
    assert "Choose the schedules again." in told(answer)


@pytest.mark.parametrize(
    "page",
    ["scheduling_run_changelist", "scheduling_run_timeline", "scheduling_schedule_do"],
)
def test_pages_that_are_searched_or_typed_in_listen_to_the_keyboard(
    admin_client: Client, page: str
) -> None:
    args = ["pause"] if page.endswith("_do") else []
    address = reverse(f"admin:{page}", args=args)

    shown = admin_client.get(address, {"schedule": every(10).pk}).content.decode()

    assert re.search(r'<script src="[^"]*scheduling/keys[^"]*\.js" defer>', shown)


def test_an_action_for_nothing_says_what_to_do_first(admin_client: Client) -> None:
    answer = admin_client.post(reverse(LIST), {"action": "pause", "index": "0"})

    assert answer.status_code == HTTPStatus.FOUND
    assert told(answer) == "Choose the schedules first, by their boxes."


def test_the_strip_of_a_rare_schedule_does_not_read_the_past_of_a_busy_one() -> None:
    rare, busy = every(10), every(10)
    now = database_now()
    Run.objects.bulk_create(
        Run(
            periodic_task=task,
            slot=at,
            trigger=Run.Trigger.SCHEDULE,
            state=Run.State.SUCCEEDED,
            created_at=at,
            finished_at=now,
        )
        for task, days, count in ((rare, 100, 10), (busy, 0, 5000))
        for at in (now - timedelta(days=days, minutes=n) for n in range(count))
    )
    with CaptureQueriesContext(connection) as queries:
        recent_runs([rare.pk, busy.pk])

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE scheduling_run")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "scheduling_run_latest" in plan, plan
    assert "scheduling_run_newest" not in plan, plan
