"""The page of a run: its whole story, its progress, and the two buttons."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from scheduling.models import Run
from tests.scheduling.admin.desk import RUNS, staff, text, told
from tests.scheduling.schedules import daily, every, ran, spoil_zone, waits

pytestmark = pytest.mark.django_db

RETRY = "scheduling.retry_run"
SCHEDULES = "scheduling.view_schedule"
SLOT = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


def address(name: str, run: Run) -> str:
    return reverse(f"admin:scheduling_run_{name}", args=[run.pk])


def page_of(run: Run, *rights: str) -> str:
    return text(staff(RUNS, *rights).get(address("change", run)))


def at_work(**fields: Any) -> Run:
    now = timezone.now()
    values = {
        "state": "running",
        "started_at": now,
        "lease_until": now + timedelta(minutes=1),
        "attempts": 1,
        "worker": "celery@desk",
    }
    return waits(every(), **values | fields)


# The story ------------------------------------------------------------------------


def test_it_tells_the_whole_story_in_both_zones() -> None:
    task = daily(zone="Europe/Berlin", name="Nightly")
    run = ran(
        task,
        at=SLOT,
        started_at=SLOT + timedelta(seconds=90),
        finished_at=SLOT + timedelta(seconds=102),
        queued_at=SLOT + timedelta(seconds=1),
        worker="celery@desk",
        attempts=2,
        rings=2,
    )

    page = page_of(run)

    assert "It succeeded after 12 s." in page
    assert "Slot 2026-03-01 02:30:00 UTC 2026-03-01 03:30:00 CET" in page
    assert "2026-03-01 03:30:01 CET told to workers twice" in page
    assert (
        "Started 2026-03-01 02:31:30 UTC 2026-03-01 03:31:30 CET"
        " 1 min 30 s after its slot, attempt 2 of at most 3, on celery@desk"
    ) in page


@pytest.mark.parametrize("state", ["skipped", "missed", "lost"])
def test_what_did_not_run_says_why(state: str) -> None:
    assert "No beat was alive." in page_of(
        ran(every(), state, reason="No beat was alive.")
    )


def test_it_shows_arguments_result_error_and_traceback_as_they_are() -> None:
    run = ran(
        every(),
        "failed",
        kwargs={"limit": 500},
        result={"changed": 41},
        error="<b>KeyError</b>: 'limit'",
        traceback="Traceback (most recent call last):",
        attempts=3,
    )

    page = page_of(run)

    assert "It failed after 3 s, at its third attempt." in page
    assert '{ "limit": 500 }' in page
    assert '{ "changed": 41 }' in page
    assert "<b>KeyError</b>: 'limit'" in page
    assert "Traceback (most recent call last):" in page


def test_slots_that_are_told_together_are_counted() -> None:
    run = ran(every(), "missed", slots_missed=1200)

    assert "the first of 1,200 slots told here together" in page_of(run)


def test_a_retry_and_what_it_retries_lead_to_each_other() -> None:
    first = ran(every(), "failed")
    again = waits(first.periodic_task, trigger="retry", retry_of=first)
    client = staff(RUNS)

    pages = [
        client.get(address("change", run)).content.decode() for run in (first, again)
    ]

    assert address("change", again) in pages[0]
    assert address("change", first) in pages[1]


def test_a_run_outlives_its_schedule() -> None:
    task = every(name="Gone since")
    run = ran(task, "failed")
    task.delete()

    page = page_of(run, RETRY)

    assert "Gone since (deleted since)" in page
    assert "Run it again" not in page


def test_a_zone_that_does_not_exist_does_not_hide_the_run() -> None:
    task = daily(zone="Europe/Berlin")
    run = ran(task, at=SLOT)
    spoil_zone(task.crontab_id)

    assert "Slot 2026-03-01 02:30:00 UTC" in page_of(run)


@pytest.mark.parametrize(("rights", "linked"), [((), False), ((SCHEDULES,), True)])
def test_the_schedule_is_a_link_for_whoever_may_see_it(
    rights: tuple[str, ...], *, linked: bool
) -> None:
    run = ran(every())
    schedule = reverse(
        "admin:django_celery_beat_periodictask_change", args=[run.periodic_task_id]
    )

    shown = staff(RUNS, *rights).get(address("change", run)).content.decode()

    assert (schedule in shown) is linked


def test_the_page_takes_a_bounded_number_of_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    run = ran(daily(), "failed")
    for _ in range(5):
        waits(run.periodic_task, trigger="retry", retry_of=run)
    client = staff(RUNS)

    # Who it is, and their rights (4); the run, the time, the zone, the policy and
    # the retries.
    with django_assert_num_queries(9):
        client.get(address("change", run))


# Its progress -----------------------------------------------------------------------


def test_a_run_at_work_shows_its_progress_and_is_followed() -> None:
    run = at_work(progress_done=4200, progress_total=17000)

    answer = staff(RUNS).get(address("change", run))

    shown = answer.content.decode()
    assert 'max="17000" value="4200"' in shown
    assert "4,200 of 17,000" in shown
    assert f'data-progress="{address("progress", run)}"' in shown
    assert "scheduling/run.js" in shown
    assert "at work on celery@desk, at its first attempt" in text(answer)


def test_a_run_that_has_ended_is_not_followed() -> None:
    shown = staff(RUNS).get(address("change", ran(every()))).content.decode()

    assert "scheduling/run.js" not in shown
    assert 'http-equiv="refresh"' not in shown


def test_a_lease_that_ran_out_is_told() -> None:
    run = at_work(lease_until=timezone.now() - timedelta(seconds=5))

    assert "not heard of since: beat takes it back" in page_of(run)


def test_progress_is_told_in_json() -> None:
    run = at_work(progress_done=4200, progress_total=17000)

    answer = staff(RUNS).get(address("progress", run))

    assert answer.json() == {
        "version": "running 1 0",
        "is_open": True,
        "done": 4200,
        "total": 17000,
        "words": "4,200 of 17,000",
    }
    assert "no-store" in answer["Cache-Control"]


def test_the_page_is_read_anew_when_the_state_has_changed() -> None:
    client = staff(RUNS)
    run = at_work()
    before = client.get(address("progress", run)).json()["version"]
    shown = client.get(address("change", run)).content.decode()

    Run.objects.update(state="succeeded", finished_at=timezone.now())

    assert f'data-version="{before}"' in shown
    assert client.get(address("progress", run)).json()["version"] != before


def test_a_run_that_has_counted_nothing_has_no_numbers() -> None:
    told_json = staff(RUNS).get(address("progress", at_work())).json()

    assert (told_json["done"], told_json["total"], told_json["words"]) == (
        None,
        None,
        "",
    )


# Its buttons ------------------------------------------------------------------------


def test_a_failed_run_is_retried_once_however_often_one_clicks() -> None:
    run = ran(every(), "failed")
    client = staff(RUNS, RETRY)

    first = client.post(address("retry", run))
    second = client.post(address("retry", run))

    again = run.retries.get()
    assert (again.trigger, again.state, again.requested_by) == (
        "retry",
        "pending",
        "anna",
    )
    assert first["Location"] == second["Location"] == address("change", again)
    assert "anna has already retried it" in told(second)


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("failed", True),
        ("lost", True),
        ("missed", True),
        ("skipped", True),
        ("succeeded", False),
    ],
)
def test_what_came_to_no_good_end_may_run_again(state: str, *, offered: bool) -> None:
    assert ("Run it again" in page_of(ran(every(), state), RETRY)) is offered


def test_what_was_retried_is_not_offered_again() -> None:
    run = ran(every(), "failed")
    waits(run.periodic_task, trigger="retry", retry_of=run)

    assert "Run it again" not in page_of(run, RETRY)


def test_a_run_that_succeeded_is_refused_in_words() -> None:
    run = ran(every())

    answer = staff(RUNS, RETRY).post(address("retry", run))

    assert answer["Location"] == address("change", run)
    assert "It cannot be retried: it is succeeded." in told(answer)
    assert Run.objects.count() == 1


def test_a_run_that_waits_is_called_off() -> None:
    run = waits(every())
    client = staff(RUNS, RETRY)
    shown = text(client.get(address("change", run)))

    answer = client.post(address("cancel", run))

    run.refresh_from_db()
    assert "Call it off" in shown
    assert (run.state, run.reason) == (
        "skipped",
        "Cancelled by anna before it started.",
    )
    assert "called off" in told(answer)


def test_a_run_at_work_is_not_called_off() -> None:
    run = at_work()
    client = staff(RUNS, RETRY)

    answer = client.post(address("cancel", run))

    run.refresh_from_db()
    assert run.state == "running"
    assert "not waiting any more" in told(answer)
    assert "Call it off" not in text(client.get(address("change", run)))


def test_whoever_may_only_look_changes_nothing_by_a_forged_post() -> None:
    failed, waiting = ran(every(), "failed"), waits(every())
    client = staff(RUNS, SCHEDULES, "scheduling.run_schedule")

    pages = [text(client.get(address("change", run))) for run in (failed, waiting)]
    answers = {
        client.post(address("retry", failed)).status_code,
        client.post(address("cancel", waiting)).status_code,
    }

    assert "Run it again" not in pages[0]
    assert "Call it off" not in pages[1]
    assert answers == {HTTPStatus.FORBIDDEN}
    assert sorted(Run.objects.values_list("state", flat=True)) == ["failed", "pending"]


def test_without_rights_nothing_is_shown() -> None:
    run = at_work()
    client = staff("scheduling.run_schedule")

    answers = {
        client.get(address(name, run)).status_code for name in ("change", "progress")
    }

    assert answers == {HTTPStatus.FORBIDDEN}


def test_a_visitor_is_asked_to_log_in(client: Client) -> None:
    run = at_work()

    answers = [
        client.get(address("progress", run)),
        client.post(address("retry", run)),
    ]

    assert all("/login/" in answer["Location"] for answer in answers)


def test_reading_changes_nothing() -> None:
    failed, waiting = ran(every(), "failed"), waits(every())
    client = staff(RUNS, RETRY)

    answers = {
        client.get(address("retry", failed)).status_code,
        client.get(address("cancel", waiting)).status_code,
        client.post(address("progress", failed)).status_code,
    }

    assert answers == {HTTPStatus.METHOD_NOT_ALLOWED}
    assert Run.objects.count() == 2


@pytest.mark.parametrize("key", ["nonsense", "%00", "9" * 40, str(UUID(int=0))])
def test_a_run_that_does_not_exist_leads_back(key: str) -> None:
    client = staff(RUNS, RETRY)

    shown = client.get(f"/admin/scheduling/run/{key}/change/")
    retried = client.post(f"/admin/scheduling/run/{key}/retry/")

    assert shown.status_code == HTTPStatus.FOUND
    assert retried.status_code in (HTTPStatus.FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


def test_what_waits_says_for_what() -> None:
    soon = waits(every())
    later = waits(every(), ring_after=timezone.now() + timedelta(minutes=5, seconds=30))
    client = staff(RUNS)

    pages = [text(client.get(address("change", run))) for run in (soon, later)]

    assert "workers are told of it as soon as beat can" in pages[0]
    assert "workers are told of it in 5 min" in pages[1]
    assert "Next ring" in pages[1]
