"""Run now, pause and resume: asked first, done once, by those who may."""

import html
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

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
    send,
    staff,
    text,
    told,
)
from tests.scheduling.schedules import clock_of, every, long_ago, ran

pytestmark = pytest.mark.django_db

QUESTIONS = ("run", "pause", "resume")
WHY = {"reason": "Stocktaking"}


def end_all_runs() -> None:
    now = database_now()
    Run.objects.open().update(
        state="succeeded", attempts=1, started_at=now, finished_at=now
    )


def test_the_page_before_a_run_says_what_it_would_do() -> None:
    task = every(10, name="Tidy up")

    answer = staff(VIEW, RUN).get(question("run"), {"schedule": task.pk})

    assert "Run now: “Tidy up”" in text(answer)
    assert "Every 10 minutes" in text(answer)
    assert "Nothing to do: no session has expired." in text(answer)
    assert not Run.objects.exists()


def test_a_run_is_asked_for_and_its_page_opens() -> None:
    task = every(10, name="Tidy up")

    answer = send(staff(VIEW, RUN, RUNS), "run", task)

    run = Run.objects.get()
    assert (run.state, run.trigger, run.requested_by) == ("pending", "manual", "anna")
    assert answer["location"] == reverse("admin:scheduling_run_change", args=[run.pk])
    assert "“Tidy up”: asked for" in told(answer)


def test_who_may_not_see_runs_comes_back_to_the_list_as_it_was() -> None:
    task = every(10)

    answer = send(staff(VIEW, RUN), "run", task, back="state=on")

    assert answer["location"] == f"{reverse(LIST)}?state=on"


def test_a_page_sent_twice_runs_once_though_the_run_has_ended() -> None:
    task = every(10)
    client = staff(VIEW, RUN)
    page = client.get(question("run"), {"schedule": task.pk}).content.decode()
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))

    client.post(question("run"), fields)
    end_all_runs()
    again = client.post(question("run"), fields)

    assert Run.objects.count() == 1
    assert "was already requested by anna" in told(again)


def test_running_what_waits_already_is_told_not_done() -> None:
    task = every(10)
    client = staff(VIEW, RUN)

    send(client, "run", task)
    again = send(client, "run", task)

    assert Run.objects.count() == 1
    assert "was already requested by anna" in told(again)


def test_what_cannot_run_is_told() -> None:
    task = every(10, task="no.such", name="Astray")

    answer = send(staff(VIEW, RUN), "run", task)

    assert not Run.objects.exists()
    assert "“Astray” cannot run." in told(answer)


def test_a_schedule_is_paused_with_a_reason() -> None:
    task = every(10, name="Tidy up")

    answer = send(staff(VIEW, PAUSE), "pause", task, **WHY)

    clock = clock_of(task)
    assert answer.status_code == HTTPStatus.FOUND
    assert "“Tidy up”: paused." in told(answer)
    assert (clock.paused_by, clock.pause_reason) == ("anna", "Stocktaking")
    assert clock.next_slot is None


def test_the_end_of_a_pause_is_read_in_the_zone_of_the_business(
    settings: Settings,
) -> None:
    settings.BUSINESS_TIME_ZONE = "Europe/Berlin"
    task = every(10)
    client = staff(VIEW, PAUSE)

    page = client.get(question("pause"), {"schedule": task.pk})
    send(client, "pause", task, until="2099-07-01T12:00", **WHY)

    assert "Until (Europe/Berlin)" in text(page)
    assert clock_of(task).paused_until == datetime(2099, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reason": " "}, "Say why: others will read it."),
        ({"reason": "x" * 1001}, "at most 1000 characters"),
        ({"until": "2020-01-01T00:00", **WHY}, "A pause ends in the future."),
        ({"until": "tomorrow", **WHY}, "Enter a valid date/time."),
    ],
)
def test_a_pause_that_cannot_be_is_asked_again(
    fields: dict[str, str], says: str
) -> None:
    task = every(10)

    answer = send(staff(VIEW, PAUSE), "pause", task, **fields)

    assert answer.status_code == HTTPStatus.OK
    assert says in text(answer)
    assert not clock_of(task).is_paused


def test_a_second_pause_says_who_paused_it() -> None:
    task = every(10, name="Tidy up")
    client = staff(VIEW, PAUSE)

    send(client, "pause", task, **WHY)
    again = send(client, "pause", task, reason="Once more")

    assert "“Tidy up” is paused already, by anna: Stocktaking" in told(again)
    assert clock_of(task).pause_reason == "Stocktaking"


def test_the_page_before_resuming_counts_what_did_not_run() -> None:
    task = every(10)
    long_ago(task)
    Schedule.objects.filter(pk=task.pk).update(
        paused_at=database_now() - timedelta(minutes=32),
        paused_by="ben",
        pause_reason="Stocktaking",
        next_slot=None,
    )
    client = staff(VIEW, PAUSE)

    page = client.get(question("resume"), {"schedule": task.pk})
    answer = send(client, "resume", task)

    assert "Paused by ben: Stocktaking. Kept from running: 3 slots from" in text(page)
    assert "resumed" in told(answer)
    assert Run.objects.get().slots_missed == 3
    assert not clock_of(task).is_paused


def test_a_second_resume_says_that_it_is_not_paused() -> None:
    task = every(10, name="Tidy up")
    pause([task.pk], by="ben", reason="Stocktaking")
    client = staff(VIEW, PAUSE)

    send(client, "resume", task)
    again = send(client, "resume", task)

    assert "“Tidy up” is not paused." in told(again)


def test_many_are_paused_at_once_and_those_refused_are_named() -> None:
    tasks = [every(10, name=name) for name in ("One", "Two", "Three")]
    pause([tasks[0].pk], by="ben", reason="Before")
    client = staff(VIEW, PAUSE)

    page = choose(client, "pause", *tasks)
    answer = send(client, "pause", *tasks, **WHY)

    assert "3 schedules selected." in text(page)
    assert "Paused already, by ben: Before" in text(page)
    assert "2 schedules: paused." in told(answer)
    assert "“One” is paused already, by ben: Before" in told(answer)


def test_many_are_run_and_resumed_at_once() -> None:
    tasks = [every(10), every(10)]
    pause([task.pk for task in tasks], by="ben", reason="Before")
    client = staff(VIEW, PAUSE, RUN)

    run = send(client, "run", *tasks)
    resumed = send(client, "resume", *tasks)

    assert run["location"] == resumed["location"] == reverse(LIST)
    assert Run.objects.open().count() == 2
    assert not Schedule.objects.filter(paused_at__isnull=False).exists()


def test_more_than_a_hundred_are_not_run_at_once() -> None:
    client = staff(VIEW, RUN)
    task = every(10)
    many = " ".join(str(task.pk + i) for i in range(101))

    answer = send(client, "run", task, schedules=many)

    assert "Choose the schedules again." in told(answer)
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"schedules": ""}, {"schedules": "x"}, {"asked": "x"}, {"asked": ""}]
)
def test_a_page_that_was_tampered_with_does_nothing(fields: dict[str, str]) -> None:
    answer = send(staff(VIEW, RUN), "run", every(10), **fields)

    assert answer.status_code == HTTPStatus.FOUND
    assert "Choose the schedules again." in told(answer)
    assert not Run.objects.exists()


@pytest.mark.parametrize("name", QUESTIONS)
def test_reading_a_page_changes_nothing(admin_client: Client, name: str) -> None:
    task = every(10)
    if name == "resume":
        pause([task.pk], by="ben", reason="Stocktaking")
    before = Schedule.objects.filter(pk=task.pk).values().get()

    answer = admin_client.get(question(name), {"schedule": task.pk})

    assert answer.status_code == HTTPStatus.OK
    assert Schedule.objects.filter(pk=task.pk).values().get() == before
    assert not Run.objects.exists()


def test_who_comes_back_to_ask_once_more_is_told_of_the_run_before(
    admin_client: Client,
) -> None:
    task, now = every(), database_now()
    ran(task, slot=None, trigger="manual", at=now, requested_by="ben")
    asked = text(admin_client.get(question("run"), {"schedule": task.pk}))
    Run.objects.update(created_at=now - timedelta(hours=1))
    later = text(admin_client.get(question("run"), {"schedule": task.pk}))

    assert re.search(r"ben asked for a run [\d.]+ m?s ago: it is succeeded\.", asked)
    assert "ben" not in later


def test_what_was_confirmed_without_a_page_is_to_be_chosen_again(
    admin_client: Client,
) -> None:
    answer = admin_client.get(question("pause"))

    assert answer["location"] == reverse(LIST)
    assert told(answer) == "Choose it again."


def test_a_question_about_several_has_an_address_to_come_back_to(
    admin_client: Client,
) -> None:
    tasks = [every(), every()]

    asked = choose(admin_client, "pause", *tasks)
    again = admin_client.get(asked.redirect_chain[-1][0])

    assert "2 schedules selected." in text(asked)
    assert "2 schedules selected." in text(again)


def test_more_than_an_address_holds_are_asked_about_all_the_same(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduling.admin.schedule.MOST_IN_ADDRESS", 1)

    asked = choose(admin_client, "pause", every(), every())

    assert asked.redirect_chain == []
    assert "2 schedules selected." in text(asked)


def test_who_asks_on_a_schedules_page_comes_back_to_it(admin_client: Client) -> None:
    task = every()
    page = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    shown = admin_client.get(page).content.decode()
    (address,) = re.findall(rf'href="({question("pause")}[^"]*)"', shown)

    asked = admin_client.get(html.unescape(address)).content.decode()
    answer = send(admin_client, "pause", task, reason="Stocktaking.", back="page")

    assert f'href="{page}">Back' in asked
    assert 'name="back" value="page"' in asked
    assert answer["location"] == page


@pytest.mark.parametrize("schedule", ["", "x", "999999999", "9" * 40])
def test_a_question_about_no_schedule_leads_back(
    admin_client: Client, schedule: str
) -> None:
    answer = admin_client.get(question("run"), {"schedule": schedule})

    assert answer["location"] == reverse(LIST)
    assert "There is no such schedule." in told(answer)


def test_there_is_no_other_question(admin_client: Client) -> None:
    assert admin_client.get(question("erase")).status_code == HTTPStatus.NOT_FOUND


ALL_BUT = {
    "run": (VIEW, PAUSE, RUNS, "django_celery_beat.change_periodictask"),
    "pause": (VIEW, RUN, RUNS, "django_celery_beat.change_periodictask"),
    "resume": (VIEW, RUN, RUNS, "django_celery_beat.change_periodictask"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_takes_a_right_of_its_own(name: str) -> None:
    task = every(10)
    if name == "resume":
        pause([task.pk], by="ben", reason="Stocktaking")
    before = Schedule.objects.filter(pk=task.pk).values().get()
    client = staff(*ALL_BUT[name])

    read = client.get(question(name), {"schedule": task.pk})
    forged = send(client, name, task, **WHY)
    choose(client, name, task)

    assert read.status_code == forged.status_code == HTTPStatus.FORBIDDEN
    assert Schedule.objects.filter(pk=task.pk).values().get() == before
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "action",
    [
        *QUESTIONS,
        "enable_tasks",
        "disable_tasks",
        "toggle_tasks",
        "run_tasks",
        "delete_selected",
    ],
)
def test_who_may_only_look_changes_nothing_by_any_action(action: str) -> None:
    task = every(10)
    before = Schedule.objects.filter(pk=task.pk).values().get()

    choose(staff(VIEW, RUNS, "scheduling.view_schedule"), action, task)

    task.refresh_from_db()
    assert task.enabled
    assert Schedule.objects.filter(pk=task.pk).values().get() == before
    assert not Run.objects.exists()


def test_a_visitor_is_sent_to_log_in(client: Client) -> None:
    task = every(10)

    answer = send(client, "run", task)

    assert "/login/" in answer["location"]
    assert not Run.objects.exists()


def test_a_form_from_another_site_is_refused() -> None:
    task = every(10)
    client = staff(VIEW, RUN)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies

    answer = send(strict, "run", task)

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert not Run.objects.exists()


def test_a_retry_stands_in_the_strip_as_one(admin_client: Client) -> None:
    task = every(10)
    ran(task, "failed", trigger="retry", slot=None)

    assert "(retry): failed, took 3 s" in text(admin_client.get(reverse(LIST)))
