"""The demo command: what it prints, how it exits, and whom it asks."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from orders.demo.catalogue import PRODUCTS
from orders.models import Order
from tests.factories import draft_order, stock
from tests.orders.commands import Environment, StartCommand, on_a_terminal
from tests.scheduling.waiting import somebody_waits_for_us, until

QUESTION = "No orders yet. Fill the desk with demo orders? [y/N] "
Capture = pytest.CaptureFixture[str]


@pytest.mark.django_db
def test_the_summary_says_how_many_are_in_which_state(capsys: Capture) -> None:
    call_command("seed_demo", "--orders=2")

    assert capsys.readouterr().out.splitlines() == [
        "2 demo orders.",
        "Status: 1 draft, 1 open.",
        "Payment: 2 unpaid.",
        "Fulfilment: 2 unfulfilled.",
    ]


@pytest.mark.django_db
def test_a_second_run_says_so_and_changes_nothing(capsys: Capture) -> None:
    call_command("seed_demo", "--orders=2")
    capsys.readouterr()

    with pytest.raises(SystemExit) as stopped:
        call_command("seed_demo")

    assert stopped.value.code == 1
    assert capsys.readouterr().err == (
        "There are orders or stock here; demo orders go into an empty desk alone."
        " Nothing was changed.\n"
    )
    assert Order.objects.count() == 2


@pytest.mark.django_db
def test_an_offer_is_silent_where_there_are_orders(capsys: Capture) -> None:
    draft_order()

    call_command("seed_demo", "--offer")

    assert capsys.readouterr().out == ""
    assert Order.objects.count() == 1


class Offer:
    """`seed_demo --offer` in a terminal of its own."""

    def __init__(self, environment: Environment) -> None:
        self.pid, self._terminal = pty.fork()
        if not self.pid:
            command = [sys.executable, "manage.py", "seed_demo", "--offer"]
            os.chdir(settings.BASE_DIR)
            os.execve(sys.executable, [*command, "--orders=3"], environment)  # noqa: S606

    def read(self, until: str = "") -> str:
        """Read until something is shown, or to the end."""
        shown = ""
        while not until or until not in shown:
            try:
                shown += os.read(self._terminal, 4096).decode()
            except OSError:
                # So Linux says that the other side is closed.
                break
        return shown

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def exit_code(self) -> int:
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def offer(environment: Environment) -> Iterator[Offer]:
    offer = Offer(environment)
    yield offer
    try:
        os.kill(offer.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    offer.exit_code()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [b"y\n", b" Yes\n"])
def test_a_terminal_is_asked_and_yes_makes_orders(offer: Offer, answer: bytes) -> None:
    assert offer.read(until=QUESTION) == QUESTION

    offer.type(answer)

    assert "3 demo orders." in offer.read()
    assert offer.exit_code() == 0
    assert Order.objects.count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"maybe\n", b"\x04"])
def test_any_other_answer_makes_none(offer: Offer, answer: bytes) -> None:
    offer.read(until=QUESTION)

    offer.type(answer)

    assert "demo orders." not in offer.read()
    assert offer.exit_code() == 0
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_without_a_terminal_it_names_the_command_and_goes_on(
    environment: Environment,
) -> None:
    keyboard, nobody_types = os.pipe()

    done = subprocess.run(
        [sys.executable, "manage.py", "seed_demo", "--offer"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdin=keyboard,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == "No orders yet: `manage.py seed_demo` makes some.\n"
    assert not Order.objects.exists()
    os.close(keyboard)
    os.close(nobody_types)


@pytest.mark.django_db(transaction=True)
def test_a_terminal_sees_how_far_it_is(start_command: StartCommand) -> None:
    shown, said = on_a_terminal(start_command, "seed_demo", "--orders=3")

    assert "100%" in shown
    assert said.startswith("3 demo orders.")


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_in_the_middle_makes_no_orders(start_command: StartCommand) -> None:
    with transaction.atomic():
        stock(PRODUCTS[-1].sku, on_hand=1)
        process = start_command("seed_demo", stderr=subprocess.PIPE)
        until(somebody_waits_for_us)
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=60)
        transaction.set_rollback(True)

    assert process.returncode == 130
    assert (said, complained) == ("", "Stopped. No orders were made.\n")
    assert not Order.objects.exists()
