"""The import command: what it prints, how it exits, what no file may do."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from orders.models import Fulfillment, Order, OrderEvent, OrderLine, Payment
from tests.factories import completed_order, open_order
from tests.orders.commands import StartCommand, on_a_terminal
from tests.orders.transfer.rows import (
    SUPERSTORE,
    Row,
    own_row,
    published_rows,
    row,
    write_csv,
    write_own,
)
from tests.scheduling.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db

Capture = pytest.CaptureFixture[str]
IMPORT = ("import_orders", str(SUPERSTORE), "--format=superstore")


def run_import(path: Path) -> None:
    call_command("import_orders", str(path), "--format=superstore")


def refusal(path: Path, capsys: Capture) -> list[str]:
    """Import a file that is refused, and return what is said of it, line by line."""
    with pytest.raises(SystemExit) as stopped:
        run_import(path)
    said = capsys.readouterr()
    assert stopped.value.code == 1
    assert said.out == ""
    return said.err.splitlines()


def counts() -> list[int]:
    models = (Order, OrderLine, Payment, Fulfillment, OrderEvent)
    return [model._default_manager.count() for model in models]


def test_the_summary_counts_and_adds_up(capsys: Capture) -> None:
    run_import(SUPERSTORE)

    said = capsys.readouterr()
    assert said.out == (
        "3,985 orders created, 0 unchanged: 7,936 lines, 1,826,495.56 USD.\n"
    )
    assert said.err == ""
    assert Order.objects.count() == 3_985


@pytest.mark.django_db(transaction=True)
def test_a_second_import_finds_every_order_unchanged(
    tmp_path: Path, capsys: Capture
) -> None:
    path = write_csv(tmp_path / "orders.csv", [row(), row(2, Order_ID="B-2")])
    run_import(path)
    capsys.readouterr()

    run_import(path)

    assert capsys.readouterr().out == (
        "0 orders created, 2 unchanged: 2 lines, 1,915.16 USD.\n"
    )


def test_one_broken_line_in_the_middle_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: Capture
) -> None:
    rows = published_rows()
    rows[4_000]["Quantity"] = "many"
    completed_order()
    before = counts()

    said = refusal(write_csv(tmp_path / "orders.csv", rows), capsys)

    assert said == [
        "Line 4002, Quantity “many”: is not a whole number from 1 to 2147483647."
        " Write how many units were sold."
    ]
    assert counts() == before


def rows_as_bytes(tmp_path: Path, *rows: Row) -> bytes:
    return write_csv(tmp_path / "rows.csv", rows).read_bytes()


def malformed(kind: str, tmp_path: Path) -> bytes:
    """Return a file of three orders, broken in one way behind the first."""
    first, last = row(1), row(3, Order_ID="C-3")

    def with_second(**changes: str) -> bytes:
        second = row(2, Order_ID="B-2", **changes)
        return rows_as_bytes(tmp_path, first, second, last)

    good = with_second()
    return {
        "wrong encoding": with_second(City="Orléans").decode().encode("latin-1"),
        "NUL": good.replace(b"B-2", b"B\0-2"),
        "missing columns": good.replace(b",Quantity,", b",Number,", 1),
        "10^30": with_second(Sales=str(10**30)),
        "negative quantity": with_second(Quantity="-5"),
        "endless line": good + b"x" * 2_000_000,
        "open quote": good + b'"' + b"x\n" * 1_000_000,
        "returning reference": rows_as_bytes(tmp_path, first, last, row(2)),
        "differing header": rows_as_bytes(
            tmp_path, first, row(2, Customer_Name="Other"), last
        ),
        "binary": bytes(range(256)) * 100,
        "empty": b"",
    }[kind]


@pytest.mark.parametrize(
    ("kind", "place", "words"),
    [
        ("wrong encoding", "Line 3: ", "is not UTF-8"),
        ("NUL", "Line 3: ", "contains a NUL character"),
        ("missing columns", "Line 1: ", "lacks the columns: Quantity"),
        ("10^30", "Line 3, Sales ", "gives an amount above"),
        ("negative quantity", "Line 3, Quantity ", "is not a whole number"),
        ("endless line", "Line 5: ", "is longer than 1 MiB"),
        ("open quote", "Line 5: ", "a field is longer than"),
        ("returning reference", "Lines 2 and 4, Order ID ", "comes back"),
        ("differing header", "Lines 2 and 3, Customer Name ", "differs"),
        ("binary", "Line 1: ", "contains a NUL character"),
        ("empty", "Line 1: ", "lacks the columns: Row ID"),
    ],
)
def test_a_malformed_file_is_refused_and_nothing_is_written(
    kind: str, place: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(malformed(kind, tmp_path))
    completed_order()
    before = counts()

    said = refusal(path, capsys)

    assert said[0].startswith(place)
    assert words in said[0]
    assert counts() == before


def test_what_is_no_readable_file_is_refused(tmp_path: Path, capsys: Capture) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for path in (tmp_path / "nowhere.csv", tmp_path, pipe, Path("/dev/zero")):
        (said,) = refusal(path, capsys)
        assert said.startswith(f"The file: {path} ")


@pytest.mark.django_db(transaction=True)
def test_an_order_that_differs_is_told_with_its_line(
    tmp_path: Path, capsys: Capture
) -> None:
    run_import(write_csv(tmp_path / "orders.csv", [row(1)]))
    capsys.readouterr()
    before = counts()
    changed = [row(2, Order_ID="B-2"), row(1, Customer_ID="Other")]

    said = refusal(write_csv(tmp_path / "orders.csv", changed), capsys)

    number = Order.objects.get().number
    assert said == [
        f"Line 3, customer reference: differs from order #{number}, which has this"
        " reference already. Correct the file, take the order out, or give it its"
        " own reference."
    ]
    assert counts() == before


def test_totals_are_told_by_currency(tmp_path: Path, capsys: Capture) -> None:
    yen = own_row(
        external_reference="B-2", currency="JPY", captured_total="0", captured_at=""
    )
    yen |= {"unit_price": "1200"}
    path = write_own(tmp_path / "orders.csv", [own_row(), yen])

    call_command("import_orders", str(path), "--format=orderdesk")

    assert capsys.readouterr().out == (
        "2 orders created, 0 unchanged: 2 lines, 19.00 EUR, 2,400 JPY.\n"
    )


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'excel'"):
        call_command("import_orders", str(SUPERSTORE), "--format=excel")


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_in_the_middle_leaves_the_database_as_it_was(
    start_command: StartCommand,
) -> None:
    last = max(published["Order ID"] for published in published_rows())

    with transaction.atomic():
        # The import has inserted all orders but this one when it has to wait.
        open_order(channel="superstore", external_reference=last)
        process = start_command(*IMPORT, stderr=subprocess.PIPE)
        until(somebody_waits_for_us)
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=60)

    assert process.returncode == 130
    assert said == ""
    assert complained == "Stopped. Run it again: no order is imported twice.\n"
    assert [order.external_reference for order in Order.objects.all()] == [last]
    assert OrderLine.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_terminal_sees_how_far_it_is(start_command: StartCommand) -> None:
    shown, said = on_a_terminal(start_command, *IMPORT)

    assert "100%" in shown
    assert said.startswith("3,985 orders created")
