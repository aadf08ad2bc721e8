"""The export command: what it writes, what it refuses, how it exits."""

from __future__ import annotations

import csv
import subprocess
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Order
from orders.services.cancellation import cancel_orders
from orders.transfer.exporting import Selection, export_orders
from orders.transfer.writing import NotWritten, whole_file
from tests.concurrency.connections import PATIENCE, colleague
from tests.factories import draft_order, line, open_order, open_orders, pay
from tests.orders.commands import StartCommand, on_a_terminal
from tests.orders.transfer.exports import empty_tables, export, load, snapshot

pytestmark = pytest.mark.django_db(transaction=True)

Capture = pytest.CaptureFixture[str]


def references_in(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["external_reference"] for row in csv.DictReader(file)]


def refusal(capsys: Capture, *arguments: str) -> list[str]:
    """Export what is refused, and return what is said of it, line by line."""
    with pytest.raises(SystemExit) as stopped:
        call_command("export_orders", *arguments)
    said = capsys.readouterr()
    assert stopped.value.code == 1
    assert said.out == ""
    return said.err.splitlines()


def test_a_file_is_written_and_summed_up(tmp_path: Path, capsys: Capture) -> None:
    open_order(external_reference="A-1", lines=[line(quantity=2), line()])
    open_order(external_reference="B-2", currency="JPY")
    path = tmp_path / "orders.csv"

    call_command("export_orders", f"--output={path}")

    said = capsys.readouterr()
    assert said.out == "2 orders exported: 3 lines, 30.00 EUR, 10 JPY.\n"
    assert said.err == ""
    assert references_in(path) == ["A-1", "A-1", "B-2"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_standard_output_holds_the_export_alone(
    tmp_path: Path, capsys: Capture
) -> None:
    open_order(external_reference="A-1", customer_name="Zoë, “=1”\nLovelace")
    before = snapshot()
    path = tmp_path / "orders.csv"

    call_command("export_orders")

    said = capsys.readouterr()
    path.write_bytes(said.out.encode())
    empty_tables()
    load(path)
    assert said.err == ""
    assert snapshot() == before


def test_the_output_is_utf_8_whatever_the_locale(start_command: StartCommand) -> None:
    open_order(customer_name="Zoë")

    process = start_command(
        "export_orders",
        variables={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert ",Zoë," in said


def test_status_and_channel_choose(tmp_path: Path) -> None:
    draft_order(channel="shop", external_reference="draft")
    open_order(channel="shop", external_reference="open")
    open_order(channel="fair", external_reference="fair")
    cancelled = open_order(channel="shop", external_reference="cancelled")
    cancel_orders([cancelled], reason="staff")
    path = tmp_path / "orders.csv"

    call_command(
        "export_orders",
        f"--output={path}",
        "--status=open",
        "--status=cancelled",
        "--channel=shop",
    )

    assert references_in(path) == ["open", "cancelled"]


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'done'"):
        call_command("export_orders", "--status=done")


def with_pending_payment() -> Order:
    order = open_order(external_reference="unfit")
    pay(order, status="pending")
    return order


def with_open_return() -> Order:
    order = open_order(external_reference="unfit")
    Order.objects.filter(pk=order.pk).update(returns_open=1)
    return order


def with_other_sums() -> Order:
    order = open_order(external_reference="unfit")
    Order.objects.filter(pk=order.pk).update(
        subtotal=Decimal(5), grand_total=Decimal(5)
    )
    return order


def with_a_number_that_is_taken() -> Order:
    order = open_order()
    open_order(external_reference=str(order))
    return order


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (with_pending_payment, "has a payment that is pending. Settle it."),
        (with_open_return, "has a return that is open. Receive or cancel it."),
        (with_other_sums, "has totals that its lines do not add up to. Leave it out."),
        (with_a_number_that_is_taken, "has no reference, and its number is that of"),
    ],
)
def test_what_the_form_cannot_tell_is_refused_or_left_out(
    make: Callable[[], Order], words: str, tmp_path: Path, capsys: Capture
) -> None:
    open_order(external_reference="fit")
    order = make()
    path = tmp_path / "orders.csv"
    path.write_text("what was here before")

    (said,) = refusal(capsys, f"--output={path}")
    before = path.read_text()
    call_command("export_orders", f"--output={path}", "--leave-out")
    left_out = capsys.readouterr()

    assert said.startswith(f"Order {order} {words}")
    assert before == "what was here before"
    assert left_out.err.startswith(f"Left out: Order {order} {words}")
    assert f"{Order.objects.count() - 1} orders exported" in left_out.out
    assert "fit" in references_in(path)
    assert "unfit" not in references_in(path)


def test_at_most_fifty_orders_are_told(capsys: Capture) -> None:
    open_orders(51)
    Order.objects.update(returns_open=1)

    said = refusal(capsys)

    assert len(said) == 51
    assert said[-1] == "There may be more."


def test_orders_that_were_not_asked_for_are_no_obstacle(tmp_path: Path) -> None:
    with_pending_payment()
    draft_order(external_reference="fit")
    path = tmp_path / "orders.csv"

    call_command("export_orders", f"--output={path}", "--status=draft")

    assert references_in(path) == ["fit"]


def test_a_file_that_cannot_be_written_is_refused(
    tmp_path: Path, capsys: Capture
) -> None:
    open_order()

    for path in (tmp_path / "nowhere" / "orders.csv", tmp_path):
        (said,) = refusal(capsys, f"--output={path}")
        assert said.startswith(str(path))


def test_an_interrupted_file_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("what was here before")

    with pytest.raises(KeyboardInterrupt):
        write_half_of(path)

    assert path.read_text() == "what was here before"
    assert list(tmp_path.iterdir()) == [path]


def write_half_of(path: Path) -> None:
    with whole_file(path) as file:
        file.write("half of")
        file.flush()
        raise KeyboardInterrupt


def test_a_link_is_followed(tmp_path: Path) -> None:
    path, link = tmp_path / "orders.csv", tmp_path / "link"
    link.symlink_to(path)

    with whole_file(link) as file:
        file.write("all of it")

    assert link.is_symlink()
    assert path.read_text() == "all of it"


def test_a_device_is_no_file() -> None:
    with (
        pytest.raises(NotWritten, match="is not a file"),
        whole_file(Path("/dev/null")),
    ):
        pass


def test_a_reader_that_leaves_ends_the_export_without_a_word(
    start_command: StartCommand,
) -> None:
    open_orders(2_000, customer_name="Ada Lovelace " * 10)

    process = start_command("export_orders", stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    complaint = process.stderr.read()

    assert process.wait(timeout=60) == 1
    assert complaint == ""


def test_a_terminal_sees_how_far_it_is(
    start_command: StartCommand, tmp_path: Path
) -> None:
    open_orders(3)

    shown, said = on_a_terminal(
        start_command, "export_orders", f"--output={tmp_path / 'orders.csv'}"
    )

    assert "3/3" in shown
    assert said.startswith("3 orders exported")


def test_an_export_is_of_one_instant(tmp_path: Path) -> None:
    order = open_order(external_reference="A-1")

    def change(_count: int) -> None:
        with colleague() as start:
            cancelled = start(lambda: cancel_orders([order], reason="staff").one())
            added = start(lambda: open_order(external_reference="B-2"))
            cancelled.result(PATIENCE)
            added.result(PATIENCE)

    path = tmp_path / "orders.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        export_orders(file, Selection(), on_count=change, on_order=lambda: None)

    with path.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["external_reference"], row["status"]) == ("A-1", "open")
    assert Order.objects.filter(status="cancelled").count() == 1


def test_orders_are_not_held_in_memory(tmp_path: Path) -> None:
    many = [line(name=f"{number} ".ljust(255)) for number in range(100)]
    open_orders(100, lines=many)

    tracemalloc.start()
    try:
        exported = export(tmp_path / "orders.csv")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # The file is 5 MB, and a row of it far more as objects.
    assert exported.lines == 10_000
    assert (tmp_path / "orders.csv").stat().st_size > 5_000_000
    assert peak < 6_000_000


def test_the_number_of_statements_does_not_grow(tmp_path: Path) -> None:
    open_orders(1)
    with CaptureQueriesContext(connection) as one:
        export(tmp_path / "one.csv")
    open_orders(20)

    with CaptureQueriesContext(connection) as many:
        export(tmp_path / "many.csv")

    assert len(many) == len(one)
