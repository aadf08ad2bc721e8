"""What somebody types for a rule."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduling import expressions
from scheduling.slots import (
    Clocked,
    Crontab,
    Interval,
    InvalidTimingError,
    Rule,
    Solar,
)

TWO = datetime(2026, 8, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0 3 * * 1-5", Crontab("0", "3", "*", "*", "1-5", "Europe/Berlin")),
        (" */5  *\t* * * ", Crontab("*/5", zone="Europe/Berlin")),
        ("every 10 minutes", Interval(timedelta(minutes=10))),
        ("Every 1 Hour", Interval(timedelta(hours=1))),
        ("every day", Interval(timedelta(days=1))),
        ("sunrise 52.5 -13.4", Solar("sunrise", 52.5, -13.4)),
        ("2026-08-31T14:00", Clocked(TWO)),
        ("2026-08-31 14:00", Clocked(TWO)),
        ("2026-08-31T12:00Z", Clocked(TWO)),
        ("2026-03-29T02:30", Clocked(datetime(2026, 3, 29, 1, tzinfo=UTC))),
    ],
)
def test_a_rule_is_read(text: str, rule: Rule) -> None:
    assert expressions.parse(text, "Europe/Berlin") == rule


@pytest.mark.parametrize(
    "text",
    ["", "Close old orders", "Send the daily sales report", "0 3 * *", "2026 orders"],
)
def test_what_looks_like_no_rule_is_none(text: str) -> None:
    assert expressions.parse(text, "UTC") is None


@pytest.mark.parametrize(
    ("text", "field", "sentence"),
    [
        (
            "61 3 * * *",
            "minute",
            "Minute: '61' is not valid; use 0 to 59, as in 0,30.",
        ),
        (
            "0 0 31 2 *",
            "day_of_month",
            "Day 31 never occurs in month 2: change the day or the month.",
        ),
        (
            "every ten minutes",
            "every",
            "'every ten minutes' is not valid: use a whole number of seconds, "
            "minutes, hours or days, as in every 10 minutes.",
        ),
        (
            "every",
            "every",
            "'every ' is not valid: use a whole number of seconds, minutes, "
            "hours or days, as in every 10 minutes.",
        ),
        (
            "every 2 weeks",
            "every",
            "'every 2 weeks' is not valid: use a whole number of seconds, "
            "minutes, hours or days, as in every 10 minutes.",
        ),
        (
            "every 99999 5 days",
            "every",
            "'every 99999 5 days' is not valid: use a whole number of seconds, "
            "minutes, hours or days, as in every 10 minutes.",
        ),
        (
            f"every {'9' * 5_000} days",
            "every",
            f"'every {'9' * 5_000} days' is not valid: use a whole number of "
            "seconds, minutes, hours or days, as in every 10 minutes.",
        ),
        (
            "every 0 minutes",
            "every",
            "An interval must be longer than zero: enter 1 or more.",
        ),
        (
            "every 99999999999 days",
            "every",
            "99999999999 days are too long: enter a smaller number.",
        ),
        (
            "sunrise 52.5",
            "latitude",
            "sunrise needs a latitude and a longitude in degrees, as in "
            "sunrise 52.5 13.4.",
        ),
        (
            "sunrise 95 13.4",
            "latitude",
            "There is no latitude 95.0: use -90 to 90.",
        ),
        (
            "2026-02-30T14:00",
            "at",
            "'2026-02-30T14:00' is not an instant: use one such as 2026-08-31T14:00 or "
            "2026-08-31T14:00+02:00.",
        ),
    ],
)
def test_a_rule_without_a_meaning_is_refused_with_the_remedy(
    text: str, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidTimingError) as refusal:
        expressions.parse(text, "UTC")

    assert (refusal.value.field, str(refusal.value)) == (field, sentence)
