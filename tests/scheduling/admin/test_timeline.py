"""The picture of what will run and what ran, and the same in words."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from scheduling.admin import timeline
from scheduling.models import Run, Schedule
from tests.scheduling.admin.desk import RUNS, staff, text
from tests.scheduling.schedules import daily, every, ran

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:scheduling_run_timeline")
SCHEDULES = "scheduling.view_schedule"


def shapes(answer: Any, name: str) -> list[tuple[str, float, bool]]:
    """Return kind, place and whether it is a band, of each shape of a schedule."""
    (lane,) = [one for one in answer.context["lanes"] if str(one.row.schedule) == name]
    return [(one.kind, one.at, one.width > 0) for one in lane.shapes]


def test_now_is_in_the_middle() -> None:
    task = daily(name="Nightly")
    ran(task, "failed", at=timezone.now() - timedelta(hours=12))

    answer = staff(RUNS).get(PAGE)

    failed, to_come = shapes(answer, "Nightly")
    assert (failed[0], failed[2]) == ("failed", False)
    assert failed[1] == pytest.approx(25, abs=0.1)
    assert to_come[0] == "due"
    assert 50 < to_come[1] <= 100


def test_a_dense_schedule_is_a_band_with_words() -> None:
    every(1, name="Each minute")

    answer = staff(RUNS).get(PAGE)

    ((kind, at, is_band),) = shapes(answer, "Each minute")
    assert (kind, is_band) == ("due", True)
    assert at == pytest.approx(50, abs=0.1)
    assert "every 1 min" in text(answer)


def test_what_went_wrong_is_drawn_over_what_went_well() -> None:
    task = every(1, name="Each minute")
    Schedule.objects.update(next_slot=None)
    now = timezone.now()
    for minutes in range(1, 30):
        state = "failed" if minutes == 15 else "succeeded"
        ran(task, state, at=now - timedelta(minutes=minutes))

    drawn = [kind for kind, _, _ in shapes(staff(RUNS).get(PAGE), "Each minute")]

    assert drawn[:2] == ["succeeded", "failed"]


def test_a_run_is_a_link_and_a_stretch_leads_to_its_list() -> None:
    lone, dense = daily(name="Nightly"), every(1)
    run = ran(lone, "failed", at=timezone.now() - timedelta(hours=3))
    for minutes in range(1, 4):
        ran(dense, "missed", at=timezone.now() - timedelta(minutes=minutes))

    shown = staff(RUNS).get(PAGE).content.decode()

    assert reverse("admin:scheduling_run_change", args=[run.pk]) in shown
    listed = reverse("admin:scheduling_run_changelist")
    assert f"{listed}?schedule={dense.pk}&amp;state=missed" in shown


@pytest.mark.parametrize(("rights", "linked"), [((), False), ((SCHEDULES,), True)])
def test_schedules_are_links_for_whoever_may_see_them(
    rights: tuple[str, ...], *, linked: bool
) -> None:
    task = daily()
    page = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])

    shown = staff(RUNS, *rights).get(PAGE).content.decode()

    assert (page in shown) is linked


def test_the_table_says_the_same_in_words() -> None:
    task = daily(hour=3, name="Nightly")
    now = timezone.now()
    for hours, state in ((1, "succeeded"), (2, "succeeded"), (3, "missed")):
        ran(task, state, at=now - timedelta(hours=hours))
    slot = Schedule.objects.get(pk=task.pk).next_slot
    assert slot

    page = text(staff(RUNS).get(PAGE))

    _, _, table = page.partition("The same in words")
    assert (
        "Nightly Daily at 03:00, Europe/Berlin 2 succeeded , 1 missed"
        f" {slot:%Y-%m-%d %H:%M:%S} UTC"
    ) in table


def test_the_week_is_told_on_demand() -> None:
    task = daily(name="Nightly")
    ran(task, at=timezone.now() - timedelta(days=3))
    client = staff(RUNS)

    day, week = client.get(PAGE), client.get(PAGE, {"span": "week"})

    assert [kind for kind, _, _ in shapes(day, "Nightly")] == ["due"]
    assert len(shapes(week, "Nightly")) == 8
    assert "the last 7 days" in text(week)


def test_the_axis_is_in_the_zone_of_the_business(settings: Settings) -> None:
    settings.BUSINESS_TIME_ZONE = "Asia/Kolkata"
    daily()

    answer = staff(RUNS).get(PAGE)

    assert "Times in Asia/Kolkata" in text(answer)
    span = answer.context["span"]
    for tick in answer.context["ticks"]:
        instant = span.start + 2 * span.length * tick.at / 100
        local = (instant + timedelta(hours=5, minutes=30)).replace(second=0)
        # A place is kept to a thousandth of a percent: two seconds of two days.
        assert (local + timedelta(seconds=30)).minute in (0, 59), tick


def test_names_are_searched_and_trouble_singled_out() -> None:
    for name, state in (
        ("Alpha", "failed"),
        ("Alphabet", "succeeded"),
        ("Beta", "lost"),
    ):
        ran(daily(name=name), state)
    client = staff(RUNS)

    found = [
        [str(lane.row.schedule) for lane in client.get(PAGE, query).context["lanes"]]
        for query in ({"q": "alph"}, {"q": "alph", "only": "trouble"})
    ]

    assert found == [["Alpha", "Alphabet"], ["Alpha"]]


def test_many_schedules_are_told_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "LANES_A_PAGE", 2)
    for name in "ABC":
        daily(name=name)
    client = staff(RUNS)

    first, last = client.get(PAGE, {"q": ""}), client.get(PAGE, {"p": "99"})

    assert len(first.context["lanes"]) == 2
    assert "Page 1 of 2" in text(first) or "Page 1 of 3" in text(first)
    assert last.context["page"].has_next() is False


def test_where_nothing_is_found_it_says_what_to_do() -> None:
    daily()

    page = text(staff(RUNS).get(PAGE, {"q": "no such name"}))

    assert "No schedule matches. Show all ." in page


def test_what_a_name_holds_is_text_and_no_markup() -> None:
    ran(daily(name="<script>alert(1)</script>"), "failed")

    shown = staff(RUNS).get(PAGE).content.decode()

    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)" in shown


@pytest.mark.parametrize(
    "query", [{"span": "\0"}, {"p": "x"}, {"q": "\0"}, {"only": "x"}, {"p": "-1"}]
)
def test_nonsense_in_the_address_is_no_error(query: dict[str, str]) -> None:
    daily()

    assert staff(RUNS).get(PAGE, query).status_code == HTTPStatus.OK


def test_it_takes_the_same_queries_however_many_there_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for hour in range(5):
        task = daily(hour)
        ran(task)
        ran(task, "failed", at=timezone.now() - timedelta(hours=2))
    client = staff(RUNS)

    # Who it is, and their rights (4); the time, how many, the page, its definitions
    # and its runs.
    with django_assert_num_queries(9):
        client.get(PAGE)


def test_it_reads_and_changes_nothing() -> None:
    client = staff(RUNS)

    assert client.post(PAGE).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert Run.objects.count() == 0


def test_without_the_right_there_is_no_picture() -> None:
    assert staff(SCHEDULES).get(PAGE).status_code == HTTPStatus.FORBIDDEN


def test_every_coordinate_is_one_that_a_browser_reads() -> None:
    ran(every(1), at=timezone.now() - timedelta(hours=1))
    daily()
    client = staff(RUNS)

    _, _, picture = client.get(PAGE).content.decode().partition("timeline-picture")
    picture, _, _ = picture.partition("<section")

    places = re.findall(r' (?:x|x1|x2|width)="([^"]*)"', picture)
    assert len(places) > 10
    assert [one for one in places if not re.fullmatch(r"\d+(\.\d+)?%?", one)] == []
