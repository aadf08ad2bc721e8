import logging
import sys

import pytest

from config.logformat import FieldFormatter


def line(message: str, **fields: object) -> str:
    record = logging.LogRecord("orders.sweep", logging.INFO, "", 0, message, None, None)
    record.created, record.msecs = 1_769_817_600.0, 7
    vars(record).update(fields)
    return FieldFormatter().format(record)


def test_fields_follow_the_message() -> None:
    assert line("finished", changed=17, run_id="a1") == (
        "2026-01-31T00:00:00.007Z INFO orders.sweep finished changed=17 run_id=a1"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [("two words", "'two words'"), ("", "''"), ('a="b"', "'a=\"b\"'")],
)
def test_a_value_that_could_be_misread_is_quoted(value: str, shown: str) -> None:
    assert line("read", value=value).endswith(f"read value={shown}")


def test_a_message_stays_one_line() -> None:
    forged = "no such page\n2026-01-31T00:00:00.000Z INFO orders.sweep finished"

    assert "\n" not in line(forged)
    assert "\n" not in line("read", value=forged)


def test_whole_requests_and_tasks_are_left_out() -> None:
    assert line("refused", request="Ada Lovelace", data="Ada").endswith("refused")


def test_a_traceback_follows_its_line() -> None:
    try:
        raise KeyError("number")  # noqa: TRY301 - any error
    except KeyError:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "failed", None, sys.exc_info()
        )

    assert FieldFormatter().format(record).endswith("KeyError: 'number'")
