"""How durations are said to staff."""

from datetime import timedelta

import pytest

from scheduling.formatting import format_duration


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(milliseconds=-30), "0 s"),
        (timedelta(microseconds=40), "under 1 ms"),
        (timedelta(microseconds=1_900), "1 ms"),
        (timedelta(milliseconds=40), "40 ms"),
        (timedelta(milliseconds=99, microseconds=900), "99 ms"),
        (timedelta(milliseconds=100), "0.1 s"),
        (timedelta(seconds=1), "1 s"),
        (timedelta(seconds=9, milliseconds=960), "10 s"),
        (timedelta(seconds=75), "1 min 15 s"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=3, hours=4), "3 days 4 h"),
    ],
)
def test_a_duration_is_said_as_finely_as_it_is_short(
    length: timedelta, words: str
) -> None:
    assert format_duration(length) == words
