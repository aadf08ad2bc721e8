"""The pages of rows that say when, where a row has no meaning."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule

from tests.e2e.browser import Page
from tests.scheduling.admin.desk import text

pytestmark = pytest.mark.django_db

LIST = "admin:django_celery_beat_crontabschedule_changelist"
ADD = "admin:django_celery_beat_crontabschedule_add"
PAGE = "admin:django_celery_beat_crontabschedule_change"
NIGHTLY = {
    "minute": "0",
    "hour": "3",
    "day_of_month": "*",
    "month_of_year": "*",
    "day_of_week": "*",
    "timezone": "Europe/Berlin",
}


def save(client: Client, address: str, entered: dict[str, str]) -> Any:
    """Open a page, fill in some fields, send it."""
    page = client.get(address)
    fields = Page(page.status_code, address, page.content.decode()).fields
    return client.post(address, {**fields, **entered})


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"minute": "-1"}, "Minute: "),
        ({"hour": "-5 minutes"}, "Hour: "),
        (
            {"day_of_month": "31", "month_of_year": "2"},
            "Day 31 never occurs in month 2: change the day or the month.",
        ),
    ],
)
def test_a_crontab_that_never_comes_due_is_refused_in_words(
    admin_client: Client, entered: dict[str, str], sentence: str
) -> None:
    before = CrontabSchedule.objects.count()

    answer = save(admin_client, reverse(ADD), NIGHTLY | entered)

    assert answer.status_code == 200
    assert sentence in text(answer)
    assert CrontabSchedule.objects.count() == before


def test_a_crontab_that_comes_due_is_kept(admin_client: Client) -> None:
    answer = save(admin_client, reverse(ADD), NIGHTLY)

    assert answer.status_code == 302
    assert CrontabSchedule.objects.filter(hour="3", minute="0").count() == 1


def test_a_row_that_celery_cannot_read_is_shown_and_mended(
    admin_client: Client,
) -> None:
    row = CrontabSchedule.objects.create(**NIGHTLY)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_celery_beat_crontabschedule SET minute = '-1' WHERE id = %s",
            [row.pk],
        )

    shown = [
        admin_client.get(reverse(LIST)),
        admin_client.get(reverse(PAGE, args=[row.pk])),
    ]
    answer = save(admin_client, reverse(PAGE, args=[row.pk]), NIGHTLY)

    row.refresh_from_db()
    assert [page.status_code for page in shown] == [200, 200]
    assert answer.status_code == 302
    assert row.minute == "0"


def test_a_row_that_is_still_to_be_made_says_nothing_of_itself(
    admin_client: Client,
) -> None:
    row = CrontabSchedule.objects.create(**NIGHTLY)

    blank = text(admin_client.get(reverse(ADD)))
    made = text(admin_client.get(reverse(PAGE, args=[row.pk])))

    assert "Schedules that go by it" not in blank
    assert "In words" not in blank
    assert "Schedules that go by it" in made
    assert "In words: Daily at 03:00, Europe/Berlin" in made
