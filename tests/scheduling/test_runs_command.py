"""What `manage.py runs` lists, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduling.models import Run
from tests.scheduling.runs import make_run

pytestmark = pytest.mark.django_db

SLOT = datetime(2026, 8, 31, 22, 0, tzinfo=UTC)


def runs(*options: str) -> str:
    out = StringIO()
    call_command("runs", *options, stdout=out)
    return out.getvalue()


def names(*options: str) -> list[str]:
    return [run["name"] for run in json.loads(runs(*options, "--json"))]


def ended_run(name: str, state: str = "succeeded", **values: Any) -> Run:
    started = SLOT + timedelta(seconds=2)
    usual: dict[str, Any] = {
        "slot": SLOT,
        "attempts": 1,
        "started_at": started,
        "finished_at": started + timedelta(minutes=5, seconds=3),
        "reason": "" if state in ("succeeded", "failed") else "Nobody came.",
    }
    return make_run(name=name, state=state, **usual | values)


def test_runs_are_listed_newest_first_in_columns() -> None:
    ended_run("Close old orders", created_at=SLOT)
    failed = "ValueError: it was not\nto be, said " + "the oracle " * 9
    ended_run("Clean up", "failed", error=failed, created_at=SLOT + timedelta(days=1))

    assert runs().splitlines() == [
        "SLOT (UTC)           SCHEDULE          TRIGGER   STATE      TRIES  LATE  TOOK"
        "       WHY",
        "2026-08-31 22:00:00  Clean up          Schedule  Failed     1      2 s   5 min"
        " 3 s  ValueError: it was not to be, said the oracle the oracle th…",
        "2026-08-31 22:00:00  Close old orders  Schedule  Succeeded  1      2 s   5 min"
        " 3 s",
    ]


def test_run_at_work_shows_how_far_it_is() -> None:
    make_run(
        name="Close old orders",
        state="running",
        attempts=1,
        started_at=SLOT,
        lease_until=SLOT,
        progress_done=40,
        progress_total=100,
    )

    assert "Running 40/100" in runs()


def test_json_has_all_that_is_known() -> None:
    run = ended_run("Close old orders", result={"changed": 3})

    (facts,) = json.loads(runs("--json"))

    assert (facts["id"], facts["slot"]) == (str(run.pk), "2026-08-31T22:00:00Z")
    assert (facts["result"], facts["attempts"]) == ({"changed": 3}, 1)
    assert facts.keys() == {field.attname for field in Run._meta.concrete_fields}


def test_list_is_narrowed_by_state_schedule_and_number() -> None:
    for number, state in enumerate(Run.State.values[3:]):
        ended_run(state, state, created_at=SLOT + timedelta(hours=number))

    assert names("--failed") == ["lost", "missed", "failed"]
    assert names("--state", "skipped") == ["skipped"]
    assert names("--schedule", "missed") == ["missed"]
    assert names("--schedule", "missed", "--state", "failed") == []
    assert names("--limit", "2") == ["lost", "missed"]


def test_twenty_are_listed_unless_more_are_asked_for() -> None:
    for number in range(25):
        make_run(created_at=SLOT + timedelta(seconds=number))

    assert len(names()) == 20
    assert len(names("--limit", "100")) == 25


def test_empty_list_says_so() -> None:
    assert runs() == "There are no such runs.\n"
    assert json.loads(runs("--json")) == []


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (("--limit", "0"), "--limit must be a whole number from 1 to 10,000, not '0'"),
        (("--limit", "-1"), "--limit"),
        (("--limit", "1.5"), "--limit"),
        (("--limit", "²"), "--limit"),
        (("--limit", "10001"), "--limit"),
        (("--state", "broken"), "--state"),
        (("--state", "failed", "--failed"), "--state.*--failed|--failed.*--state"),
        (("--schedule", "Nightly"), "--schedule: no schedule is named 'Nightly'"),
        (("--schedule", ""), "--schedule"),
    ],
    ids=str,
)
def test_option_with_a_bad_value_is_named(
    options: tuple[str, ...], refusal: str
) -> None:
    with pytest.raises(CommandError, match=refusal):
        runs(*options)
