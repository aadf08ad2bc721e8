"""Who changed a schedule, what and when; and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from scheduling import changes, history
from scheduling.clock import database_now
from scheduling.models import PolicyVersion, Schedule, TaskVersion
from tests.scheduling.admin.desk import PAUSE, RUN, VIEW, staff, text, told
from tests.scheduling.admin.schedule_page import (
    CHANGE,
    SESSIONS,
    SWEEP,
    argument,
    daily,
    opened,
    save,
)
from tests.scheduling.schedules import clock_of, every
from tests.scheduling.schedules import daily as daily_schedule

pytestmark = pytest.mark.django_db


def past(task: PeriodicTask) -> str:
    return reverse("admin:django_celery_beat_periodictask_history", args=[task.pk])


def version(client: Client, task: PeriodicTask) -> str:
    """Return what a page that shows the schedule as it is keeps of it."""
    (seen,) = opened(client, task)["version"]
    return str(seen)


def put_back(client: Client, task: PeriodicTask, key: str, seen: str) -> Any:
    address = reverse("admin:scheduling_schedule_put_back", args=[task.pk])
    return client.post(address, {"key": key, "version": seen})


def changes_of(entry: history.Entry) -> set[tuple[str, str, str]]:
    return {(one.label, one.before, one.after) for one in entry.changes}


def test_the_history_tells_who_changed_what_from_what_to_what() -> None:
    task = daily_schedule(task=SWEEP)
    client = staff(CHANGE, VIEW)

    save(
        client,
        task,
        hour="5",
        overlap="queue",
        time_limit="2 h",
        enabled=None,
        **{argument("limit"): "500"},
    )

    entry, first = history.entries_of(task.pk)
    assert entry.who == "anna"
    assert changes_of(entry) == {
        ("When", "Daily at 03:00, Europe/Berlin", "Daily at 05:00, Europe/Berlin"),
        ("Parameters", "none", "limit = 500"),
        ("Enabled", "yes", "no"),
        (
            "When the last run is still at work",
            "Skip the slot while a run is still at work",
            "Run it when the run before it has ended",
        ),
        ("Time limit", "none", "2 hours"),
    }
    assert first.who == history.NOBODY
    page = text(client.get(past(task)))
    assert "anna" in page
    assert "Daily at 03:00, Europe/Berlin Daily at 05:00, Europe/Berlin" in page
    assert "limit = 500" in page


def test_an_edit_of_a_shared_crontab_does_not_rewrite_the_past(
    admin_client: Client,
) -> None:
    task = daily_schedule(hour=3)
    save(admin_client, task, hour="4")
    CrontabSchedule.objects.filter(hour="4").update(minute="59")

    newest = history.entries_of(task.pk)[0]

    assert (
        "When",
        "Daily at 03:00, Europe/Berlin",
        "Daily at 04:00, Europe/Berlin",
    ) in (changes_of(newest))


def test_an_edit_of_a_shared_crontab_is_told_and_can_be_taken_back(
    admin_client: Client,
) -> None:
    task = daily_schedule(hour=3)
    save(admin_client, task, hour="4")
    CrontabSchedule.objects.filter(hour="4").update(minute="59")
    newest = history.entries_of(task.pk)[0]

    page = text(admin_client.get(past(task)))
    put_back(admin_client, task, newest.key, version(admin_client, task))

    task.refresh_from_db()
    said = "When Daily at 04:00, Europe/Berlin Daily at 04:59, Europe/Berlin"
    assert said in page
    assert (task.crontab.minute, task.crontab.hour) == ("0", "4")
    assert CrontabSchedule.objects.filter(minute="59", hour="4").exists()


def test_what_was_changed_past_the_pages_is_put_down_to_nobody(
    admin_client: Client,
) -> None:
    task = every(10)
    save(admin_client, task, description="Ours.")
    PeriodicTask.objects.filter(pk=task.pk).update(description="By SQL.")

    save(admin_client, task, overlap="allow")

    ours, by_sql, *_ = history.entries_of(task.pk)
    assert (ours.who, by_sql.who) == ("admin", history.NOBODY)
    assert changes_of(by_sql) == {("Description", "Ours.", "By SQL.")}
    assert by_sql.reason == history.FOUND_SO
    assert [change.label for change in ours.changes] == [
        "When the last run is still at work"
    ]


def test_a_save_in_code_is_in_the_history() -> None:
    task = every(10)
    task.description = "By a command."
    task.save()

    newest = history.entries_of(task.pk)[0]

    assert newest.who == history.NOBODY
    assert changes_of(newest) == {("Description", "none", "By a command.")}


def test_what_the_clock_writes_is_no_history() -> None:
    task = every(10)
    versions = TaskVersion.objects.count(), PolicyVersion.objects.count()

    PeriodicTask.objects.filter(pk=task.pk).update(total_run_count=7)
    task.last_run_at = database_now()
    task.save(update_fields=["last_run_at"])
    with CaptureQueriesContext(connection) as queries:
        followed = clock_of(task)
        changes.follow(followed, task, database_now())
        changes.write([followed])
        task.no_changes = True
        task.save()

    assert (TaskVersion.objects.count(), PolicyVersion.objects.count()) == versions
    assert not any("scheduling_policyversion" in query["sql"] for query in queries)


def test_a_schedule_is_put_back_to_how_it_stood(admin_client: Client) -> None:
    task = daily_schedule(task=SWEEP, kwargs='{"limit": 500}')
    save(admin_client, task, hour="5", jitter="10 min", **{argument("limit"): "7"})
    save(admin_client, task, task=SESSIONS, kind="interval", every="1", period="days")
    first = history.entries_of(task.pk)[-1]

    answer = put_back(admin_client, task, first.key, version(admin_client, task))

    task.refresh_from_db()
    newest = history.entries_of(task.pk)[0]
    assert answer.status_code == 302
    assert "is as it was on" in told(answer)
    assert (task.task, task.kwargs) == (SWEEP, '{"limit": 500}')
    assert (task.interval, str(task.crontab.hour)) == (None, "3")
    assert clock_of(task).jitter.total_seconds() == 0
    assert newest.who == "admin"
    assert newest.reason.startswith("Put back to how it stood on ")
    assert ("What runs", SESSIONS, SWEEP) in changes_of(newest)


def test_what_may_no_longer_stand_is_not_put_back(admin_client: Client) -> None:
    task = every(10)
    save(admin_client, task, description="Good.")
    PeriodicTask.objects.filter(pk=task.pk).update(task="gone.task")
    save(admin_client, task, task=SESSIONS)
    gone = next(
        entry
        for entry in history.entries_of(task.pk)
        if entry.standing.task["task"] == "gone.task"
    )

    answer = put_back(admin_client, task, gone.key, version(admin_client, task))

    task.refresh_from_db()
    assert "“gone.task” is not a task that can be scheduled" in told(answer)
    assert task.task == SESSIONS


def test_putting_back_from_an_old_page_is_refused(admin_client: Client) -> None:
    task = every(10)
    save(admin_client, task, description="First.")
    seen = version(admin_client, task)
    save(admin_client, task, description="Second.")
    oldest = history.entries_of(task.pk)[-1]

    answer = put_back(admin_client, task, oldest.key, seen)

    task.refresh_from_db()
    assert "nothing was saved" in told(answer)
    assert task.description == "Second."


@pytest.mark.parametrize("key", ["", "yesterday", "2020-01-01T00:00:00+00:00"])
def test_a_moment_that_never_was_is_refused(admin_client: Client, key: str) -> None:
    task = every(10)

    answer = put_back(admin_client, task, key, version(admin_client, task))

    assert told(answer) == "Choose again what to put it back to."


def test_who_may_look_sees_the_history_and_puts_nothing_back(
    admin_client: Client,
) -> None:
    task = every(10)
    save(admin_client, task, description="Ours.")
    oldest = history.entries_of(task.pk)[-1]
    seen = version(admin_client, task)
    viewer = staff(VIEW, RUN, PAUSE)

    page = viewer.get(past(task))
    forged = put_back(viewer, task, oldest.key, seen)

    task.refresh_from_db()
    assert page.status_code == 200
    assert "Put it back" not in text(page)
    assert forged.status_code == 403
    assert task.description == "Ours."


def test_putting_back_is_asked_by_post_alone(admin_client: Client) -> None:
    task = every(10)
    address = reverse("admin:scheduling_schedule_put_back", args=[task.pk])

    answer = admin_client.get(address)

    button = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert f'href="{button}">Back to where the button is' in answer.content.decode()


@pytest.mark.parametrize("key", ["0", "x", "999999999999999999999"])
def test_a_schedule_that_does_not_exist_has_no_history(
    admin_client: Client, key: str
) -> None:
    address = reverse("admin:django_celery_beat_periodictask_history", args=[key])

    answer = admin_client.get(address)

    assert answer.status_code == 302
    assert told(answer) == "There is no such schedule."


def test_the_history_takes_as_many_queries_as_it_has_tables(
    admin_client: Client,
) -> None:
    task = every(10)
    for number in range(5):
        save(admin_client, task, description=f"{number}", max_attempts=f"{number + 1}")

    with CaptureQueriesContext(connection) as queries:
        entries = history.entries_of(task.pk)

    assert len(entries) == 6
    assert len(queries) == 2


def test_a_new_schedule_begins_its_history(admin_client: Client) -> None:
    save(admin_client, **daily(owner_email="anna@example.com"))

    task = PeriodicTask.objects.get(name="Theirs")
    (entry,) = history.entries_of(task.pk)
    assert (entry.who, entry.is_first) == ("admin", True)
    assert ("Alert e-mail", "anna@example.com") in entry.words
    assert Schedule.objects.filter(pk=task.pk).exists()
