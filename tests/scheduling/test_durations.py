"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduling.durations import LONGEST, InvalidDurationError, parse, written


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("15 min", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1 day, 12 Hours", timedelta(hours=36)),
        ("90s", timedelta(seconds=90)),
        ("1.5 h", timedelta(minutes=90)),
        ("2 weeks", timedelta(days=14)),
        ("0", timedelta(0)),
    ],
)
def test_a_length_is_read_as_people_write_it(text: str, length: timedelta) -> None:
    assert parse(text) == length


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("15", "Write it as 15 min"),
        ("-5 min", "Write it as 15 min"),
        ("soon", "Write it as 15 min"),
        ("", "Write it as 15 min"),
        ("5 months", "“months” is not a unit"),
        ("4000 days", "longer than 3650 days"),
        ("999999999 weeks", "longer than 3650 days"),
    ],
)
def test_what_is_no_length_is_refused_with_the_remedy(text: str, sentence: str) -> None:
    with pytest.raises(InvalidDurationError, match=sentence):
        parse(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
@example(timedelta(microseconds=1))
def test_what_is_written_is_read_again(length: timedelta) -> None:
    assert abs(parse(written(length)) - length) < timedelta(milliseconds=1)


@given(st.integers(0, 10**8))
def test_whole_seconds_are_read_again_exactly(seconds: int) -> None:
    length = timedelta(seconds=seconds)

    assert parse(written(length)) == length
