"""The list of runs: found by filters and names, read only, cheap at a million."""

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoAssertNumQueries

from scheduling.admin import records, run_filters
from scheduling.models import Run
from tests.scheduling.admin.desk import RUNS, staff, text
from tests.scheduling.schedules import daily, every, ran, unseen, waits

pytestmark = pytest.mark.django_db

YESTERDAY = str(timezone.now().date() - timedelta(days=1))
LIST = "admin:scheduling_run_changelist"


def listed(client: Client, **query: str) -> list[str]:
    """Return the states of the runs that the list shows, in its order."""
    answer = client.get(reverse(LIST), query)
    assert answer.status_code == HTTPStatus.OK
    return [run.state for run in answer.context["cl"].result_list]


def test_a_row_says_what_became_of_a_slot() -> None:
    at = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
    ran(
        daily(name="Nightly"),
        at=at,
        started_at=at + timedelta(seconds=90),
        finished_at=at + timedelta(seconds=102),
        worker="celery@desk",
        attempts=2,
    )

    page = text(staff(RUNS).get(reverse(LIST)))

    assert (
        "Nightly 2026-03-01 02:30:00 UTC Succeeded 1 min 30 s 12 s celery@desk 2"
        " The clock"
    ) in page


def test_a_run_by_hand_says_who_asked_for_it() -> None:
    waits(every(), requested_by="ben")

    page = text(staff(RUNS).get(reverse(LIST)))

    assert re.search(r"UTC By hand Pending — — — 0 ben", page)


def test_the_newest_stand_first(admin_client: Client) -> None:
    task, now = every(), timezone.now()
    for minutes, state in ((3, "failed"), (1, "missed"), (2, "succeeded")):
        ran(task, state, at=now - timedelta(minutes=minutes))

    assert listed(admin_client) == ["missed", "succeeded", "failed"]


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("failed", {"failed"}),
        ("trouble", {"failed", "missed", "lost"}),
        ("open", {"pending", "queued"}),
        ("waiting", {"pending", "queued"}),
        ("nonsense", {"failed", "missed", "lost", "succeeded", "pending", "queued"}),
    ],
)
def test_it_is_filtered_by_state(
    admin_client: Client, chosen: str, shown: set[str]
) -> None:
    task, now = every(), timezone.now()
    for minutes, state in enumerate(("failed", "missed", "lost", "succeeded")):
        ran(task, state, at=now - timedelta(minutes=minutes))
    waits(task)
    waits(task, state="queued")

    assert set(listed(admin_client, state=chosen)) == shown


def test_it_is_filtered_by_what_started_it(admin_client: Client) -> None:
    task = every()
    ran(task)
    waits(task)

    assert listed(admin_client, trigger="manual") == ["pending"]


def test_it_is_filtered_by_schedule(admin_client: Client) -> None:
    mine, other = every(), every()
    ran(mine, "failed")
    ran(other)

    assert listed(admin_client, schedule=str(mine.pk)) == ["failed"]


def test_runs_of_deleted_schedules_are_found(admin_client: Client) -> None:
    ran(every())
    gone = every(name="Gone")
    ran(gone, "failed")
    gone.delete()

    assert listed(admin_client, schedule="deleted") == ["failed"]


def test_it_is_filtered_by_day(admin_client: Client) -> None:
    task = every()
    for day, state in ((1, "failed"), (2, "missed"), (3, "lost")):
        ran(task, state, at=datetime(2026, 3, day, 23, 59, 59, tzinfo=UTC))

    assert listed(admin_client, day="2026-03-02") == ["missed"]


def test_it_is_filtered_to_the_last_24_hours(admin_client: Client) -> None:
    task, now = every(), timezone.now()
    ran(task, "failed", at=now - timedelta(hours=23))
    ran(task, "missed", at=now - timedelta(hours=25))

    assert listed(admin_client, day="24h") == ["failed"]


def test_a_search_finds_by_the_name_of_the_schedule(admin_client: Client) -> None:
    ran(every(name="Tidy the attic"), "failed")
    ran(every(name="Something else"))

    assert listed(admin_client, q="THE att") == ["failed"]


def test_a_search_finds_a_run_by_its_id(admin_client: Client) -> None:
    run = ran(every(), "failed")
    ran(every())

    assert listed(admin_client, q=str(run.pk)) == ["failed"]
    assert listed(admin_client, q=str(uuid4())) == []


@pytest.mark.parametrize(
    "query",
    [
        {"state": "\0"},
        {"day": "0000-00-00"},
        {"day": "9999-12-31"},
        {"schedule": "9" * 40},
        {"schedule": "²"},
        {"p": "x"},
        {"q": "\0"},
        {"all": ""},
    ],
)
def test_nonsense_in_the_address_is_no_error(
    admin_client: Client, query: dict[str, str]
) -> None:
    ran(every())

    answer = admin_client.get(reverse(LIST), query)

    assert answer.status_code in (HTTPStatus.OK, HTTPStatus.FOUND)


@pytest.mark.parametrize("column", ["worker", "periodic_task__task", "kwargs__limit"])
def test_no_column_is_filtered_by_from_the_address(
    admin_client: Client, column: str
) -> None:
    answer = admin_client.get(reverse(LIST), {column: "x"})

    assert answer.status_code == HTTPStatus.BAD_REQUEST


def test_many_schedules_are_not_all_named_as_filters(admin_client: Client) -> None:
    task = every(name="The chosen one")
    for _ in range(run_filters.MOST_NAMED + 1):
        unseen()

    unchosen = admin_client.get(reverse(LIST))
    chosen = admin_client.get(reverse(LIST), {"schedule": str(task.pk)})

    (_, _, before, _) = unchosen.context["cl"].filter_specs
    (_, _, after, _) = chosen.context["cl"].filter_specs
    assert before.lookup_choices == [("deleted", "Deleted since")]
    assert after.lookup_choices[0] == (str(task.pk), "The chosen one")


def test_the_page_takes_the_same_queries_however_many_runs(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = staff(RUNS)
    for _ in range(4):
        task = every()
        for minutes in range(5):
            ran(task, at=timezone.now() - timedelta(minutes=minutes))

    # Who it is, and their rights (4); the schedules to filter by, how many, the page.
    with django_assert_num_queries(7) as made:
        client.get(reverse(LIST))

    assert not [query for query in made if "DISTINCT" in query["sql"]]


def test_no_list_is_counted_to_its_end(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_COUNTED", 3)
    for minutes in range(5):
        ran(every(), at=timezone.now() - timedelta(minutes=minutes))

    with CaptureQueriesContext(connection) as made:
        answer = admin_client.get(reverse(LIST))

    counts = [query["sql"] for query in made if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 3" in counts[0]
    assert answer.context["cl"].result_count == 3
    assert "No more than the newest 3 are listed" in text(answer)


def plan_of(query: dict[str, Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "scheduling_run_newest"),
        ({"day": YESTERDAY}, "scheduling_run_newest"),
        ({"state": "failed"}, "scheduling_run_no_good_end"),
        ({"state": "trouble"}, "scheduling_run_no_good_end"),
        ({"state": "skipped"}, "scheduling_run_skipped"),
        ({"trigger": "manual"}, "scheduling_run_unusual"),
        ({"schedule": "1"}, "scheduling_run_latest"),
    ],
)
def test_each_way_to_read_it_follows_an_index(
    admin_client: Client, query: dict[str, str], index: str
) -> None:
    many_runs(20_000)

    with CaptureQueriesContext(connection) as made:
        admin_client.get(reverse(LIST), query)

    (page,) = [one for one in made if "LIMIT 50" in one["sql"]]
    plan = plan_of(page)
    assert f"using {index}" in plan
    assert "Seq Scan" not in plan


def many_runs(count: int) -> None:
    """Write runs as the database itself can; of a hundred each is one not as usual.

    So many that reading all of them costs more than an index does.
    """
    task = PeriodicTask.objects.order_by("pk").first() or every()
    other = every()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO scheduling_run (id, periodic_task_id, name, task, args, kwargs,
                trigger, slot, state, exclusive, attempts, rings, slots_missed, reason,
                requested_by, created_at, finished_at, worker, error, traceback)
            SELECT gen_random_uuid(), CASE n %% 50 WHEN 0 THEN %s ELSE %s END, 'Many',
                'a.task', '[]', '{}',
                CASE n %% 100 WHEN 2 THEN 'manual' ELSE 'schedule' END,
                CASE n %% 100 WHEN 2 THEN NULL ELSE now() - n * interval '1 minute' END,
                CASE n %% 100 WHEN 0 THEN 'failed' WHEN 1 THEN 'skipped'
                    ELSE 'succeeded' END, true, 1, 1, 0, 'Why.', '',
                now() - n * interval '1 minute', now(), '', '', ''
            FROM generate_series(1, %s) AS n
            """,
            [task.pk, other.pk, count],
        )
        cursor.execute("ANALYZE scheduling_run")


@pytest.mark.parametrize(
    "right", ["scheduling.view_schedule", "scheduling.run_schedule"]
)
def test_without_the_right_there_is_no_list(right: str) -> None:
    assert staff(right).get(reverse(LIST)).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("superuser", [True, False])
def test_a_run_is_never_added_edited_or_deleted_by_hand(*, superuser: bool) -> None:
    client = staff(RUNS)
    if superuser:
        User.objects.update(is_superuser=True)
    run = ran(every(), "failed")
    key = str(run.pk)
    page = reverse("admin:scheduling_run_change", args=[key])
    forged = {
        "action": "delete_selected",
        "_selected_action": key,
        "post": "yes",
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "1",
        "form-0-id": key,
        "form-0-state": "succeeded",
        "_save": "Save",
    }

    answers = {
        client.post(reverse(LIST), forged).status_code,
        client.post(page, {"state": "succeeded"}).status_code,
    }
    client.post(page.replace("/change/", "/delete/"), {"post": "yes"})

    assert answers == {HTTPStatus.METHOD_NOT_ALLOWED}
    assert Run.objects.get().state == "failed"
    for name in ("add", "delete"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:scheduling_run_{name}", args=[key] * (name == "delete"))
