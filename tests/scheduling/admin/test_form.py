"""A schedule is entered, checked and saved by its form."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from pytest_django import DjangoCaptureOnCommitCallbacks

from scheduling import editing, pausing
from scheduling.models import Run, Schedule, ScheduleChange, TaskVersion
from tests.scheduling.admin.desk import LIST, PAUSE, RUN, VIEW, staff, text, told
from tests.scheduling.admin.schedule_page import (
    ADD,
    CHANGE,
    SESSIONS,
    SWEEP,
    address,
    argument,
    daily,
    opened,
    save,
    send,
)
from tests.scheduling.schedules import clock_of, every, ran, spoil_zone
from tests.scheduling.schedules import daily as daily_schedule

pytestmark = pytest.mark.django_db


def sweep(**changes: Any) -> dict[str, Any]:
    return daily(task=SWEEP, **changes)


def named(name: str = "Theirs") -> PeriodicTask:
    return PeriodicTask.objects.get(name=name)


def errors(answer: Any) -> str:
    """Return what a page that was not saved says is wrong."""
    assert answer.status_code == 200
    form = answer.context["schedule_form"]
    return " ".join(
        f"{name}: {sentence}" for name, said in form.errors.items() for sentence in said
    )


def by_sql(row: PeriodicTask, /, **columns: Any) -> None:
    """Change a row past every form."""
    PeriodicTask.objects.filter(pk=row.pk).update(**columns)


# What is saved --------------------------------------------------------------------


def test_a_schedule_is_added_with_its_policies(admin_client: Client) -> None:
    answer = save(
        admin_client,
        **daily(
            catch_up="all", catch_up_window="2 h", jitter="15 min", time_limit="1h"
        ),
        owner_email="anna@example.com",
        expire_seconds="90 s",
    )

    task = named()
    clock = clock_of(task)
    assert answer.status_code == 302
    assert str(task.crontab) == "0 3 * * * (m/h/dM/MY/d) Europe/Berlin"
    assert (task.task, task.kwargs, task.expire_seconds) == (SESSIONS, "{}", 90)
    assert (clock.catch_up, clock.catch_up_window) == ("all", timedelta(hours=2))
    assert (clock.jitter, clock.time_limit) == (
        timedelta(minutes=15),
        timedelta(hours=1),
    )
    assert clock.owner_email == "anna@example.com"
    assert clock.next_slot is None
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("entered", "model", "words"),
    [
        (
            {"kind": "interval", "every": "10", "period": "minutes"},
            IntervalSchedule,
            "every 10 minutes",
        ),
        (
            {"kind": "solar", "event": "sunset", "latitude": "52.5", "longitude": "13"},
            SolarSchedule,
            "Sunset (52.500000, 13.000000)",
        ),
        (
            {"kind": "clocked", "at": "2190-01-02T03:04"},
            ClockedSchedule,
            "2190-01-02 03:04:00+00:00",
        ),
    ],
)
def test_each_kind_of_schedule_is_entered_in_the_form_itself(
    admin_client: Client, entered: dict[str, str], model: Any, words: str
) -> None:
    answer = save(admin_client, **daily(**entered))

    task = named()
    assert answer.status_code == 302
    assert isinstance(task.scheduler, model)
    assert str(task.scheduler) == words
    assert task.crontab is None
    assert task.one_off is (model is ClockedSchedule)


def test_an_equal_row_is_shared_and_a_shared_row_never_edited(
    admin_client: Client,
) -> None:
    theirs = daily_schedule(hour=3)
    other = daily_schedule(hour=3)
    by_sql(other, crontab=theirs.crontab)

    save(admin_client, **daily())
    save(admin_client, theirs, hour="5")

    theirs.refresh_from_db()
    other.refresh_from_db()
    assert named().crontab == other.crontab
    assert (other.crontab.hour, theirs.crontab.hour) == ("3", "5")


def test_another_kind_takes_the_place_of_the_first(admin_client: Client) -> None:
    task = daily_schedule()

    save(admin_client, task, kind="interval", every="2", period="hours")

    task.refresh_from_db()
    assert task.crontab is None
    assert str(task.interval) == "every 2 hours"


def test_arguments_are_saved_with_their_types(admin_client: Client) -> None:
    answer = save(
        admin_client,
        **sweep(),
        **{
            argument("limit"): "500",
            argument("policies"): ['"unpaid"', '"draft"'],
            argument("dry_run"): "on",
        },
    )

    assert answer.status_code == 302
    assert json.loads(named().kwargs) == {
        "dry_run": True,
        "policies": ["unpaid", "draft"],
        "limit": 500,
    }


def test_an_empty_argument_is_left_to_the_task(admin_client: Client) -> None:
    save(admin_client, **sweep(), **{argument("limit"): "500"})

    save(admin_client, named(), **{argument("limit"): ""})

    assert named().kwargs == "{}"


def test_another_task_takes_none_of_the_old_arguments(admin_client: Client) -> None:
    save(admin_client, **sweep(), **{argument("limit"): "500"})

    save(admin_client, named(), task=SESSIONS)

    assert (named().task, named().kwargs) == (SESSIONS, "{}")


def test_what_is_wrong_with_the_arguments_of_another_task_is_passed_over(
    admin_client: Client,
) -> None:
    answer = save(admin_client, **daily(), **{argument("limit"): "no number"})

    assert answer.status_code == 302
    assert named().kwargs == "{}"


def test_arguments_by_position_are_shown_by_name_and_saved_so(
    admin_client: Client,
) -> None:
    task = daily_schedule(task=SWEEP, args='[true, ["unpaid"]]')

    page = opened(admin_client, task)
    save(admin_client, task, description="Ours.")

    task.refresh_from_db()
    assert page[argument("policies")] == ['"unpaid"']
    assert task.args == "[]"
    assert json.loads(task.kwargs) == {"dry_run": True, "policies": ["unpaid"]}


def test_a_save_that_changes_nothing_writes_nothing(admin_client: Client) -> None:
    task = every(10, task=SWEEP, kwargs='{"limit":   5}')
    ScheduleChange.objects.all().delete()
    versions = TaskVersion.objects.count()

    answer = save(admin_client, task)

    changed_at = task.date_changed
    task.refresh_from_db()
    assert answer.status_code == 302
    assert (task.date_changed, task.kwargs) == (changed_at, '{"limit":   5}')
    assert not ScheduleChange.objects.exists()
    assert TaskVersion.objects.count() == versions


def test_other_policies_leave_the_slots_alone(admin_client: Client) -> None:
    task = every(10)
    ScheduleChange.objects.all().delete()

    save(admin_client, task, overlap="queue")

    assert clock_of(task).overlap == "queue"
    assert not ScheduleChange.objects.exists()


def test_microseconds_that_the_page_does_not_show_stay(admin_client: Client) -> None:
    start = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    task = every(10, start_time=start)

    save(admin_client, task, description="Ours.")

    task.refresh_from_db()
    assert (task.description, task.start_time) == ("Ours.", start)


def test_a_clocked_time_keeps_its_microseconds_too(admin_client: Client) -> None:
    at = datetime(2190, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    clocked = ClockedSchedule.objects.create(clocked_time=at)
    task = PeriodicTask.objects.create(
        name="Theirs", task=SESSIONS, clocked=clocked, one_off=True
    )

    save(admin_client, task, description="Ours.")

    task.refresh_from_db()
    assert (task.description, task.clocked) == ("Ours.", clocked)


def test_of_equal_rows_a_schedule_keeps_its_own(admin_client: Client) -> None:
    daily_schedule(hour=3)
    task = daily_schedule(hour=3)
    own = task.crontab

    save(admin_client, task, description="Ours.")

    task.refresh_from_db()
    assert (task.description, task.crontab) == ("Ours.", own)


def test_a_schedule_that_no_beat_has_seen_is_saved_as_well(
    admin_client: Client,
) -> None:
    task = every(10)
    Schedule.objects.all().delete()

    answer = save(admin_client, task, jitter="1 min")

    assert answer.status_code == 302
    assert clock_of(task).jitter == timedelta(minutes=1)


# What saving leaves alone ---------------------------------------------------------


def test_saving_an_old_page_takes_back_nothing_of_what_the_clock_wrote(
    admin_client: Client,
) -> None:
    task = every(10)
    page = opened(admin_client, task)
    last_run = datetime(2026, 8, 1, tzinfo=UTC)
    by_sql(task, last_run_at=last_run, total_run_count=42)

    answer = send(admin_client, task, page | {"enabled": None})

    task.refresh_from_db()
    assert answer.status_code == 302
    assert (task.enabled, task.last_run_at) == (False, last_run)
    assert task.total_run_count == 42


def test_the_stock_scheduler_is_told_after_the_commit_and_locks_nobody_out(
    admin_client: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    task = every(10)
    page = opened(admin_client, task)
    before = PeriodicTasks.last_change()

    with (
        django_capture_on_commit_callbacks() as callbacks,
        CaptureQueriesContext(connection) as queries,
    ):
        send(admin_client, task, page | {"every": "20"})
    in_transaction = PeriodicTasks.last_change()
    for callback in callbacks:
        callback()

    touched = [query for query in queries if '_periodictasks"' in query["sql"]]
    assert touched == []
    assert in_transaction == before
    assert PeriodicTasks.last_change() != before


# Somebody else was faster -----------------------------------------------------------


def test_a_page_that_is_out_of_date_is_refused_with_what_changed(
    admin_client: Client,
) -> None:
    task = every(10)
    page = opened(admin_client, task)
    save(admin_client, task, description="Hers.", overlap="queue")

    answer = send(admin_client, task, page | {"description": "His."})

    task.refresh_from_db()
    said = errors(answer)
    assert "changed after the page was opened, and nothing was saved" in said
    assert "admin, " in said
    assert "Description: none → Hers." in said
    assert "still at work → Run it when the run before it has ended" in said
    assert task.description == "Hers."


@pytest.mark.parametrize("version", ["", "forged"])
def test_a_page_that_does_not_say_what_it_showed_is_refused(
    admin_client: Client, version: str
) -> None:
    task = every(10)

    answer = save(admin_client, task, version=version, description="His.")

    assert "nothing was saved" in errors(answer)


def test_a_pause_and_a_run_leave_an_open_page_good(admin_client: Client) -> None:
    task = every(10)
    page = opened(admin_client, task)
    Schedule.objects.filter(pk=task.pk).update(
        paused_at=task.date_changed, paused_by="ben", pause_reason="Stocktaking."
    )

    answer = send(admin_client, task, page | {"description": "Ours."})

    assert answer.status_code == 302
    assert clock_of(task).paused_by == "ben"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_refused() -> None:
    task = every(10)
    client = staff(CHANGE, VIEW)
    page = opened(client, task)
    barrier = Barrier(2)

    def save_at_once(description: str) -> int:
        mine = Client()
        mine.cookies = client.cookies
        barrier.wait(30)
        try:
            sent = page | {"description": description}
            return int(send(mine, task, sent).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(save_at_once, ("Hers.", "His.")))

    assert sorted(answers) == [200, 302]
    assert TaskVersion.objects.exclude(description="").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_new_schedules_with_one_name_one_is_refused() -> None:
    client = staff(ADD, VIEW)
    page = opened(client) | daily()
    barrier = Barrier(2)

    def add(_: int) -> int:
        mine = Client()
        mine.cookies = client.cookies
        barrier.wait(30)
        try:
            return int(send(mine, None, page).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(add, range(2)))

    assert sorted(answers) == [200, 302]
    assert PeriodicTask.objects.filter(name="Theirs").count() == 1


def test_a_name_is_of_any_script(admin_client: Client) -> None:
    save(admin_client, **daily(name="إغلاق 👨‍👩‍👧 الطلبات"))

    assert PeriodicTask.objects.filter(name="إغلاق 👨‍👩‍👧 الطلبات").exists()


def test_what_was_saved_is_told_by_its_name_alone(admin_client: Client) -> None:
    added = save(admin_client, **daily())
    changed = save(admin_client, named(), description="Nightly", _continue="")

    assert told(added) == "“Theirs” was added."
    assert told(changed) == "“Theirs” was changed."
    assert changed["Location"] == address(named())


def test_a_new_schedule_waits_for_beat_to_see_it(admin_client: Client) -> None:
    save(admin_client, **daily())

    said = text(admin_client.get(reverse(LIST), {"q": "Theirs"}))

    assert "not seen by beat yet" in said
    assert "nothing to come" not in said


# What is refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"task": "os.system"}, "“os.system” is not a task that can be scheduled"),
        ({"task": ""}, "Choose a task."),
        ({"kind": "often"}, "Choose one of the four kinds"),
        ({"kind": "interval", "every": "59", "period": "seconds"}, "too often"),
        (
            {"kind": "interval", "every": "1", "period": "microseconds"},
            "not one of the",
        ),
        ({"kind": "interval", "every": "0"}, "greater than or equal to 1"),
        ({"kind": "interval", "every": ""}, "every: This is needed for the kind"),
        ({"kind": "interval", "every": "99999999"}, "every: Give 3650 days at most."),
        ({"kind": "solar"}, "latitude: This is needed"),
        ({"kind": "clocked"}, "at: This is needed"),
        ({"kind": "clocked", "at": "2020-01-01T00:00"}, "kind: It never fires"),
        ({"day_of_month": "31", "month_of_year": "2"}, "31"),
        ({"minute": "61"}, "minute: "),
        ({"zone": "Europe/Berlni"}, "zone: There is no time zone 'Europe/Berlni'"),
        ({"jitter": "2 days"}, "jitter: It must be 1 day at most."),
        ({"jitter": "long"}, "jitter: Write it as 15 min"),
        ({"max_attempts": "0"}, "max_attempts: "),
        ({"alert_after": "0"}, "alert_after: It must be 1 second at least."),
        ({"expires": "2190-01-01T00:00", "expire_seconds": "1 h"}, "not both of them"),
        (
            {"start_time": "2190-01-02T00:00", "expires": "2190-01-01T00:00"},
            "expires: It expires before it starts",
        ),
        ({"name": "Close old orders"}, "name: Another schedule has this name"),
        (
            {"name": "Their\u202esrieht"},
            "name: Leave out the invisible character U+202E",
        ),
        ({"name": "Two\nlines"}, "name: Leave out the invisible character U+000A."),
    ],
)
def test_what_could_not_run_is_refused_with_a_sentence(
    admin_client: Client, changes: dict[str, str], sentence: str
) -> None:
    answer = save(admin_client, **daily(**changes))

    assert sentence in errors(answer)
    assert not PeriodicTask.objects.filter(name="Theirs").exists()


@pytest.mark.parametrize(
    ("forged", "sentence"),
    [
        ({"args": "[1]"}, "args: Positional arguments are not taken: fill in"),
        ({"kwargs": '{"limit": 1}'}, "kwargs: Fill in the task's parameters"),
        ({"headers": '{"x": 1}'}, "headers: The clock writes the message's headers"),
        ({"queue": "fast"}, "queue: The project's settings say which worker"),
        ({"exchange": "x"}, "exchange: The project's settings"),
        ({"routing_key": "x"}, "routing_key: The project's settings"),
        ({"priority": "9"}, "priority: The project's settings"),
        (
            {argument("run_id"): "1"},
            "run_id is not an argument of this task; it takes: dry",
        ),
        ({argument("limit"): "many"}, "limit: Enter a whole number."),
        ({argument("limit"): "0"}, "limit does not take 0"),
        ({argument("policies"): '"all"'}, "Select a valid choice"),
    ],
)
def test_a_forged_field_is_refused_by_name_and_with_the_remedy(
    admin_client: Client, forged: dict[str, str], sentence: str
) -> None:
    answer = save(admin_client, **sweep(), **forged)

    assert sentence in errors(answer)
    assert not PeriodicTask.objects.filter(name="Theirs").exists()


def test_a_page_with_errors_keeps_what_was_entered_and_shows_the_slots(
    admin_client: Client,
) -> None:
    answer = save(admin_client, **daily(name=""))

    assert "name: Give the schedule a name." in errors(answer)
    assert "Daily at 03:00, Europe/Berlin: next at " in text(answer)
    assert len(answer.context["preview"].lines) == 10


# Rows that came past the form ---------------------------------------------------------


def test_a_row_that_cannot_run_says_why_and_is_mended_by_saving(
    admin_client: Client,
) -> None:
    task = every(10)
    by_sql(task, queue="slow", headers='{"x": 1}', kwargs='{"what": 1}', priority=3)

    shown = text(admin_client.get(address(task)))
    answer = save(admin_client, task)

    task.refresh_from_db()
    assert "It cannot run as it stands" in shown
    assert "what is not an argument of this task" in shown
    assert answer.status_code == 302
    assert (task.queue, task.priority, task.headers) == (None, None, "{}")
    assert task.kwargs == "{}"


def test_why_a_schedule_was_stopped_is_said_once(admin_client: Client) -> None:
    task = every(10, task="no.such.task")

    said = text(admin_client.get(address(task)))

    assert 'Stopped, until this is mended: "no.such.task" is not a task' in said
    assert said.count("is not a task that can be scheduled") == 1


def test_a_row_in_a_zone_that_does_not_exist_is_shown_and_mended(
    admin_client: Client,
) -> None:
    task = daily_schedule()
    spoil_zone(task.crontab_id)

    shown = admin_client.get(address(task))
    answer = save(admin_client, task, **daily(name=task.name))

    assert shown.status_code == 200
    assert answer.status_code == 302
    crontab = PeriodicTask.objects.select_related("crontab").get(pk=task.pk).crontab
    assert str(crontab.timezone) == "Europe/Berlin"


def test_a_row_with_an_unknown_task_asks_for_another(admin_client: Client) -> None:
    task = every(10)
    by_sql(task, task="gone.task", kwargs="no json")

    shown = text(admin_client.get(address(task)))
    answer = save(admin_client, task)

    assert '"gone.task" is not a task that can be scheduled' in shown
    assert "Choose a task." in errors(answer)


# Running at once, and who may ---------------------------------------------------------


def test_a_box_runs_it_now_as_well(admin_client: Client) -> None:
    answer = save(admin_client, **daily(), run_now="on")

    run = Run.objects.get()
    assert (run.periodic_task, run.trigger) == (named(), Run.Trigger.MANUAL)
    assert run.requested_by == "admin"
    assert "runs now" in told(answer)


def test_the_box_takes_the_right_to_run() -> None:
    client = staff(ADD, CHANGE, VIEW)

    page = text(client.get(address()))
    forged = save(client, **daily(), run_now="on")

    assert "Run it now as well" not in page
    assert "run_now: It takes the right to run schedules." in errors(forged)
    assert not Run.objects.exists()


def test_the_box_is_there_for_who_may_run() -> None:
    page = text(staff(ADD, VIEW, RUN).get(address()))

    assert "Run it now as well" in page


def test_who_may_only_look_sees_what_stands_and_saves_nothing(
    admin_client: Client,
) -> None:
    task = daily_schedule(task=SWEEP, kwargs='{"limit": 500}')
    page = opened(admin_client, task)
    viewer = staff(VIEW)

    shown = viewer.get(address(task))
    changing = send(viewer, task, page | {"description": "Theirs."})
    adding = viewer.post(address(), daily())

    task.refresh_from_db()
    assert "limit = 500" in text(shown)
    assert "Daily at 03:00, Europe/Berlin" in text(shown)
    assert b'name="task"' not in shown.content
    assert (changing.status_code, adding.status_code) == (403, 403)
    assert task.description == ""


def test_the_page_offers_the_schedulable_tasks_alone(admin_client: Client) -> None:
    page = admin_client.get(address())

    offered = [
        value for value, _ in page.context["schedule_form"].fields["task"].choices
    ]
    assert {"", SESSIONS, SWEEP} <= {*offered}
    assert "orders.tasks.execute_auto_close" not in offered
    assert "Delete the login sessions that have expired" in text(page)
    assert "the day of the month and the day of the week" in text(page)


def test_the_page_tells_of_a_pause_and_leads_to_what_may_be_done() -> None:
    task = every(10)
    running, pausing_one = (
        f"do/run/?schedule={task.pk}",
        f"do/pause/?schedule={task.pk}",
    )
    client = staff(VIEW, RUN, PAUSE)

    before = client.get(address(task)).content.decode()
    pausing.pause([task.pk], by="ben", reason="Stocktaking.")
    after = client.get(address(task)).content.decode()

    assert running in before
    assert pausing_one in before
    assert pausing_one not in after
    assert f"do/resume/?schedule={task.pk}" in after
    assert "Paused by ben: Stocktaking." in after


def test_the_page_leads_to_nothing_that_its_reader_may_not_do() -> None:
    task = every(10)

    page = staff(VIEW).get(address(task)).content.decode()

    assert "/do/" not in page
    assert "History" in page


# Warnings -------------------------------------------------------------------------


def test_a_schedule_that_outlasts_its_interval_is_warned_of(
    admin_client: Client,
) -> None:
    task = every(10)
    for minutes in (15, 20, 25):
        begun = datetime.now(UTC) - timedelta(days=1, minutes=minutes)
        ran(
            task,
            at=begun,
            started_at=begun,
            finished_at=begun + timedelta(minutes=minutes),
        )

    page = text(admin_client.get(address(task)))

    assert (
        "A run takes 20 min, which is more than the 10 min from slot to slot: "
        "slots will be skipped." in page
    )


def test_a_schedule_that_has_had_its_last_slot_is_warned_of(
    admin_client: Client,
) -> None:
    task = every(10, expires=datetime(2190, 1, 1, tzinfo=UTC))
    since = datetime(2020, 1, 1, tzinfo=UTC)
    Schedule.objects.filter(pk=task.pk).update(anchor=since)
    by_sql(task, expires=datetime(2020, 2, 1, tzinfo=UTC))

    page = text(admin_client.get(address(task)))
    assert "It never fires again." in page


def test_the_version_of_a_schedule_is_the_same_before_and_after_beat_sees_it() -> None:
    task = every(10)
    seen = editing.version_of(task, clock_of(task))

    assert editing.version_of(task, None) == seen
