"""The next slots as somebody types, and what the task would do now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from scheduling.admin.preview import Preview, of_data
from scheduling.admin.timing_form import ASKED, BOUNDS
from scheduling.models import ScheduleChange
from tests.scheduling.admin.desk import PAUSE, RUN, VIEW, staff, text
from tests.scheduling.admin.schedule_page import (
    ADD,
    CHANGE,
    SESSIONS,
    SWEEP,
    argument,
    daily,
)
from tests.scheduling.schedules import every
from tests.scheduling.tasks_of_tests import offered, own_registry

pytestmark = pytest.mark.django_db

PREVIEW = "admin:scheduling_schedule_preview"
DRY_RUN = "admin:scheduling_schedule_dry_run"
JSON = {"Accept": "application/json"}


def ask(client: Client, **entered: Any) -> Any:
    return client.get(reverse(PREVIEW), entered)


def preview(client: Client, **entered: Any) -> dict[str, Any]:
    answer = ask(client, **entered)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def at(now: datetime, **entered: Any) -> Preview:
    """Return what the page shows at an instant."""
    return of_data(QueryDict(urlencode(entered)), now)


def test_the_next_ten_slots_stand_in_the_zone_of_the_schedule_and_in_utc() -> None:
    found = at(datetime(2026, 6, 1, 12, tzinfo=UTC), **daily())

    assert found.summary == (
        "Daily at 03:00, Europe/Berlin: next at Tue 2026-06-02 03:00:00 CEST."
    )
    assert found.zone == "Europe/Berlin"
    assert len(found.lines) == 10
    assert found.lines[9].local == "Thu 2026-06-11 03:00:00 CEST"
    assert found.lines[9].utc == "2026-06-11 01:00:00 UTC"
    assert {line.note for line in found.lines} == {""}


def test_a_slot_that_the_clocks_move_is_told() -> None:
    found = at(datetime(2026, 3, 28, 12, tzinfo=UTC), **daily(hour="2", minute="30"))

    assert found.lines[0].local == "Sun 2026-03-29 03:00:00 CEST"
    assert "02:30" in found.lines[0].note
    assert "03:00" in found.lines[0].note
    assert found.lines[1].note == ""


def test_an_interval_counts_from_when_the_clock_saw_it(admin_client: Client) -> None:
    task = every(10)
    anchor = task.clock.anchor

    found = preview(
        admin_client, kind="interval", every="10", period="minutes", of=task.pk
    )

    expected = (anchor + timedelta(minutes=10)).astimezone(UTC)
    assert found["slots"][0]["utc"] == f"{expected:%Y-%m-%d %H:%M:%S UTC}"
    assert found["zone"] == "UTC"


def test_what_has_no_zone_of_its_own_is_shown_in_that_of_the_business(
    admin_client: Client, settings: Settings
) -> None:
    settings.BUSINESS_TIME_ZONE = "Asia/Kolkata"

    found = preview(admin_client, kind="interval", every="10", period="minutes")

    assert found["zone"] == "Asia/Kolkata"
    assert found["slots"][0]["local"].endswith("IST")


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"minute": "*/0"}, "minute", ""),
        ({"zone": "Europe/Berlni"}, "zone", "Did you mean Europe/Berlin?"),
        ({"day_of_month": "31", "month_of_year": "2"}, "day_of_month", ""),
        ({"kind": ""}, "kind", "Choose one kind of schedule."),
        ({"kind": "interval", "every": "x"}, "every", "Enter a whole number."),
        (
            {"kind": "interval", "every": "1", "period": "seconds"},
            "kind",
            "too often for scheduling.tasks.clean_up_expired_sessions",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_field(
    admin_client: Client, changes: dict[str, str], field: str, sentence: str
) -> None:
    found = preview(admin_client, **daily(**changes))

    assert sentence in found["errors"][field][0]
    assert found["summary"] == found["errors"][field][0]
    assert found["slots"] == []


def test_many_a_day_are_warned_of_and_none_at_all_refused() -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)

    minutely = at(now, **daily(minute="*", hour="*"))
    over = at(now, **daily(kind="clocked", at="2026-06-01T11:00", task=""))

    assert minutely.warnings == ("It fires 1,440 times a day.",)
    assert over.summary.startswith("It never fires: its time has passed")


@pytest.mark.parametrize("rights", [(ADD, VIEW), (CHANGE, VIEW)])
def test_the_preview_is_for_those_who_may_enter_one(rights: tuple[str, ...]) -> None:
    assert ask(staff(*rights), **daily()).status_code == 200


@pytest.mark.parametrize("rights", [(VIEW,), (VIEW, RUN, PAUSE)])
def test_the_preview_is_refused_to_others(rights: tuple[str, ...]) -> None:
    assert ask(staff(*rights), **daily()).status_code == 403


def test_the_preview_is_asked_by_get_alone(admin_client: Client) -> None:
    assert admin_client.post(reverse(PREVIEW), daily()).status_code == 405


_FIELDS = sorted({"kind", "task", "of", *BOUNDS}.union(*ASKED.values()))
_WORDS = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.sampled_from(
        [
            *("*", "*/5", "0", "59", "1-5", "mon-fri", "0/0", "L", "29", "*/1000000"),
            *("Europe/Berlin", "Australia/Lord_Howe", "../etc", "Europe", "UTC\0"),
            *("days", "seconds", "sunrise", "solar_noon", "89.999999", "-180"),
            *("2026-03-29T02:30", "0001-01-01T00:00", "9999-12-31T23:59:59"),
            *(SWEEP, SESSIONS, "on", "2147483647", "9" * 30, "1e400", "NaN"),
        ]
    ),
)


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from([*ASKED, ""]),
    entered=st.dictionaries(st.sampled_from(_FIELDS), _WORDS, max_size=len(_FIELDS)),
)
def test_the_preview_answers_whatever_is_entered(
    admin_client: Client, kind: str, entered: dict[str, str]
) -> None:
    answer = ask(admin_client, **{"kind": kind} | entered)

    assert answer.status_code == 200
    assert bool(answer.json()["errors"]) or answer.json()["summary"]


# What it would do now ---------------------------------------------------------------


def would(client: Client, **entered: Any) -> Any:
    return client.post(reverse(DRY_RUN), entered, headers=JSON)


def test_the_task_says_what_it_would_do_with_what_is_entered(
    admin_client: Client,
) -> None:
    def tidy(limit: int = 5) -> None:
        """Tidy up."""

    with own_registry():
        task = offered(tidy, dry_run=lambda limit=5: f"Would tidy {limit}.")
        answer = would(
            admin_client, task=task.name, **{argument("limit", task.name): "7"}
        )

    assert answer.json() == {"sentence": "Would tidy 7.", "is_refusal": False}


def test_the_sweep_says_what_it_would_do(admin_client: Client) -> None:
    answer = would(admin_client, task=SWEEP)

    assert answer.json() == {
        "sentence": "Nothing to do: no order is due.",
        "is_refusal": False,
    }


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"task": "os.system"}, "“os.system” is not a task that can be scheduled"),
        ({"task": SWEEP, argument("limit"): "0"}, "limit does not take 0"),
        ({"task": SWEEP, "args": "[1]"}, "Positional arguments are not taken"),
        ({}, "Choose a task."),
    ],
)
def test_what_cannot_be_tried_is_told_in_a_sentence(
    admin_client: Client, entered: dict[str, str], sentence: str
) -> None:
    answer = would(admin_client, **entered)

    assert answer.status_code == 200
    assert answer.json()["is_refusal"] is True
    assert sentence in answer.json()["sentence"]


def test_a_task_without_a_dry_run_says_so(admin_client: Client) -> None:
    def tidy() -> None:
        """Tidy up."""

    with own_registry():
        answer = would(admin_client, task=offered(tidy).name)

    assert answer.json()["sentence"] == "This task cannot tell what it would do."


def test_a_dry_run_that_writes_is_stopped_by_the_database(admin_client: Client) -> None:
    def tidy() -> None:
        """Tidy up."""

    def write() -> str:
        ScheduleChange.objects.create(kind="task", row_id=1)
        return "Written."

    before = ScheduleChange.objects.count()
    with own_registry():
        answer = would(admin_client, task=offered(tidy, dry_run=write).name)

    assert answer.json()["is_refusal"] is True
    assert "read-only" in answer.json()["sentence"]
    assert ScheduleChange.objects.count() == before


def test_without_scripts_the_answer_is_a_page(admin_client: Client) -> None:
    answer = admin_client.post(reverse(DRY_RUN), {"task": SWEEP})

    assert answer.status_code == 200
    assert "What it would do now" in text(answer)
    assert "Nothing was changed or saved." in text(answer)


@pytest.mark.parametrize(
    ("rights", "status"),
    [((VIEW, RUN), 200), ((VIEW, CHANGE), 200), ((ADD,), 200), ((VIEW, PAUSE), 403)],
)
def test_a_dry_run_takes_the_right_to_run_or_to_change(
    rights: tuple[str, ...], status: int
) -> None:
    assert would(staff(*rights), task=SWEEP).status_code == status


def test_a_dry_run_is_asked_by_post_alone(admin_client: Client) -> None:
    assert admin_client.get(reverse(DRY_RUN)).status_code == 405
