"""How a rule is said to staff."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduling import wording
from scheduling.slots import Clocked, Crontab, Interval, Rule, Solar


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 0 * * *", "Daily at 00:00"),
        ("0 8,12,18 * * *", "Daily at 08:00, 12:00 and 18:00"),
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("0 * * * *", "Every hour at minute 0"),
        ("5,35 * * * *", "Every hour at minutes 5 and 35"),
        ("0 */2 * * *", "Every 2 hours at minute 0"),
        (
            "*/7 1 * * *",
            "Daily at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 in hour 01",
        ),
        ("*/5 8-17 * * mon-fri", "Monday to Friday every 5 minutes in hours 08 to 17"),
        ("30 9 * * 0,6", "Saturday and Sunday at 09:30"),
        ("30 9 * * 7", "Sunday at 09:30"),
        ("0 9 * * 1,3", "Monday and Wednesday at 09:00"),
        ("0 9 1 * *", "Day 1 of the month at 09:00"),
        ("0 9 1,15 1-3,7 *", "Days 1 and 15 of January to March and July at 09:00"),
        ("0 9 * 7 *", "Each day of July at 09:00"),
        (
            "30 2 1-7 * 1",
            "Days 1 to 7 of the month, where that is Monday, at 02:30",
        ),
    ],
)
def test_a_crontab_is_said_with_its_zone(expression: str, words: str) -> None:
    minute, hour, day, month, weekday = expression.split()
    rule = Crontab(minute, hour, day, month, weekday, "Europe/Berlin")

    assert wording.in_words(rule) == f"{words}, Europe/Berlin"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Interval(timedelta(minutes=10)), "Every 10 minutes"),
        (Interval(timedelta(minutes=90)), "Every 90 minutes"),
        (Interval(timedelta(hours=24)), "Every day"),
        (Interval(timedelta(microseconds=1_500)), "Every 1,500 microseconds"),
        (Solar("sunset", -33.9, 18.4), "Sunset at 33.9° S, 18.4° E"),
        (Solar("dawn_civil", 40.7, -74), "Civil dawn at 40.7° N, 74° W"),
        (
            Clocked(datetime(2026, 3, 3, 14, tzinfo=UTC)),
            "Once, on 2026-03-03 at 14:00:00, UTC",
        ),
    ],
)
def test_the_other_kinds_are_said(rule: Rule, words: str) -> None:
    assert wording.in_words(rule) == words
