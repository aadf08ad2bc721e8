"""The clock in the whole stack: what staff do with it, and what it must withstand."""

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.browser import Browser, Page
from tests.e2e.often import Often
from tests.e2e.stack import Stack

SCHEDULES = "/admin/django_celery_beat/periodictask/"
DAILY = {
    "task": "scheduling.tasks.clean_up_expired_sessions",
    "kind": "crontab",
    "minute": "30",
    "hour": "2",
    "zone": "Europe/Berlin",
}
EXTRAS = "tests/e2e/extras.yml"
IN_AN_HOUR = """
UPDATE scheduling_schedule SET next_slot = now() + interval '1 hour'
WHERE periodic_task_id = :schedule
"""
RUNS = "SELECT id FROM scheduling_run WHERE periodic_task_id = :schedule"
#: How many hours each of them puts a clock ahead of what it is.
OFFSETS = {"+2h": 2, "-2h": -2, "+0": 0}


@pytest.fixture
def schedule(admin: Browser) -> str:
    """Make a schedule in Admin's form, and return its key."""
    named = {"name": f"Theirs {uuid4()}", **DAILY, "_continue": "1"}
    page = admin.post(f"{SCHEDULES}add/", named)
    made = re.search(r"/periodictask/(\d+)/change/", page.url)
    assert made, page.text[:2000]
    return made[1]


@pytest.fixture(scope="module")
def three_beats(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """Return two beats as they should be; a third one has a clock of its own."""
    stack.up("--scale", "beat=2", over=EXTRAS)
    yield stack.containers("beat")
    stack.up("--remove-orphans")


def put_odd_clocks(stack: Stack, offset: str) -> None:
    """Add to the clock of the odd beat and worker, and see that they go by it."""
    for service in ("odd-beat", "odd-worker"):
        put = f"echo {offset} > /tmp/offset"
        stack.exec(service, "sh", "-c", put, over=EXTRAS)
    # Their clock is read once a second; another process of theirs reads the same.
    ahead = int(stack.exec("odd-beat", "date", "+%s", over=EXTRAS)) - time.time()
    assert round(ahead / 3600) == OFFSETS[offset]


def answer(admin: Browser, question: str, schedule: str, **said: str) -> Page:
    """Answer the page between a button of the list and what it does."""
    there = f"{SCHEDULES}do/{question}/"
    return admin.post(f"{there}?schedule={schedule}", said, to=there)


def next_slot(stack: Stack, schedule: str) -> str:
    """Return the next slot of a schedule as text, '' where none is to come."""
    rows = stack.sql(
        "SELECT next_slot AT TIME ZONE 'UTC' FROM scheduling_schedule"
        " WHERE periodic_task_id = :schedule",
        schedule=schedule,
    )
    return "".join(*rows)


def test_form_tells_the_next_ten_slots_to_whoever_types(
    stack: Stack, first_password: str
) -> None:
    told = json.loads(
        stack.compose(
            *("run", "--rm", "--no-deps", "--no-TTY", "browser"),
            *("python", "-m", "tests.e2e.type_schedule"),
            stdin=first_password,
            over=EXTRAS,
        )
    )

    assert told["errors"] == []
    assert len(told["daily"]) == len(told["every_two_hours"]) == 10
    assert all(slot.endswith(" 04:00:00 IST") for slot in told["daily"])
    times = [datetime.fromisoformat(slot[4:23]) for slot in told["every_two_hours"]]
    assert {next_time - time for time, next_time in pairwise(times)} == {
        timedelta(hours=2)
    }
    assert "99" in told["refused"]
    assert "was added" in told["saved"]


def test_schedule_made_in_the_form_comes_at_the_slot_that_the_form_told(
    stack: Stack, admin: Browser, schedule: str
) -> None:
    slot = stack.wait_for(lambda: next_slot(stack, schedule))

    page = admin.get(f"{SCHEDULES}{schedule}/change/")
    assert f"{slot} UTC" in page.text


def test_run_asked_for_by_staff_succeeds_with_its_result(
    stack: Stack, admin: Browser, schedule: str
) -> None:
    page = answer(admin, "run", schedule)
    assert "/admin/scheduling/run/" in page.url, page.text[:2000]

    ended = stack.wait_for(lambda: ended_run(admin, page.url))

    assert re.search(r"<h2>Result</h2>\s*<pre[^>]*>\d+</pre>", ended.text)
    listed = json.loads(stack.manage("runs", "--json", "--limit", "1"))
    assert listed[0]["requested_by"] == "admin"
    assert (listed[0]["state"], listed[0]["slot"]) == ("succeeded", None)


def ended_run(admin: Browser, url: str) -> Page | None:
    page = admin.get(url)
    return page if "<h2>Result</h2>" in page.text else None


def test_pause_stops_a_schedule_with_a_reason_until_it_is_resumed(
    stack: Stack, admin: Browser, schedule: str
) -> None:
    before = stack.wait_for(lambda: next_slot(stack, schedule))

    page = answer(admin, "pause", schedule, reason="Stocktaking")
    assert "paused" in page.text
    assert "Paused by admin: Stocktaking" in change_page(admin, schedule)
    assert next_slot(stack, schedule) == ""

    answer(admin, "resume", schedule)
    assert "Stocktaking" not in change_page(admin, schedule)
    assert next_slot(stack, schedule) == before


def change_page(admin: Browser, schedule: str) -> str:
    return admin.get(f"{SCHEDULES}{schedule}/change/").text


def test_deep_check_fails_while_no_beat_is_seen(stack: Stack) -> None:
    stack.wait_for(lambda: clock_faults(stack) == set())

    stack.compose("stop", "beat")
    stack.sql(
        "UPDATE scheduling_heartbeat SET seen_at = seen_at - interval '5 minutes'"
        " WHERE kind = 'beat'"
    )
    assert clock_faults(stack) == {"beat"}
    assert Browser(stack.url).get("/readyz").status == 200

    stack.compose("start", "beat")
    stack.wait_for(lambda: clock_faults(stack) == set())


def clock_faults(stack: Stack) -> set[str]:
    """Return what /readyz?deep=1 finds wrong, and see that its status says the same."""
    page = Browser(stack.url).get("/readyz?deep=1")
    checks = json.loads(page.text)["checks"]
    assert {"beat", "worker", "slots"} < checks.keys()
    faults = {name for name, said in checks.items() if said != "ok"}
    assert page.status == (503 if faults else 200)
    return faults


def test_system_check_finds_nothing_amiss_in_the_rows(stack: Stack) -> None:
    said = stack.manage("check", "--database", "default", "--fail-level", "WARNING")

    assert "no issues" in said


def test_preview_prints_the_slots_of_a_schedule_by_name(stack: Stack) -> None:
    said = stack.manage("schedule_preview", "Clean up expired sessions", "--count", "3")

    assert re.findall(r"(\d\d:\d\d:\d\d) UTC$", said, re.MULTILINE) == ["03:15:00"] * 3


def test_front_page_counts_every_beat_and_worker(
    stack: Stack, admin: Browser, three_beats: list[dict[str, Any]]
) -> None:
    hosts = {beat["Config"]["Hostname"] for beat in three_beats}

    stack.wait_for(lambda: hosts < alive(admin, "beat"))
    stack.wait_for(lambda: len(alive(admin, "worker")) > 1)


def alive(admin: Browser, kind: str) -> set[str]:
    """Return the hosts of the processes that the front page says are alive."""
    page = admin.get("/admin/").text
    return set(re.findall(rf"<li>{kind} (?:celery@)?(\w+)[:/]\d+: alive", page))


def test_each_slot_runs_once_while_beats_are_killed(
    stack: Stack, three_beats: list[dict[str, Any]]
) -> None:
    often = Often(stack, "Killed")
    often.make()

    for beat in three_beats:
        often.come(times=5)
        stack.kill(beat)
    often.come(times=5)

    often.assert_each_slot_ran_once()


@pytest.mark.usefixtures("three_beats")
def test_clocks_that_jump_neither_lose_nor_repeat_a_slot(
    stack: Stack, schedule: str
) -> None:
    often = Often(stack, "Jumped")
    often.make()
    stack.wait_for(lambda: next_slot(stack, schedule))
    stack.sql(IN_AN_HOUR, schedule=schedule)
    in_an_hour = next_slot(stack, schedule)
    stack.compose("stop", "beat", "worker")

    for offset in OFFSETS:
        put_odd_clocks(stack, offset)
        often.come(times=5)

    often.assert_each_slot_ran_once()
    assert next_slot(stack, schedule) == in_an_hour
    assert stack.sql(RUNS, schedule=schedule) == []
