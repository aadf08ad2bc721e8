"""The command: JSON on standard output, and an exit code that a script can read."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from orders.autoclose.sweep import BATCH_SIZE
from orders.models import AutoCloseRun, ClosePolicy, Order, StockItem
from tests.factories import completed_order, draft_order, line, open_orders, stock
from tests.orders.autoclose.sweeping import ago
from tests.orders.commands import StartCommand, on_a_terminal
from tests.scheduling.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db

SWEEP = ("auto_close_old_orders", "--approve")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run_command(*arguments: str) -> tuple[int, dict[str, Any]]:
        with pytest.raises(SystemExit) as stopped:
            call_command("auto_close_old_orders", *arguments)
        printed = capsys.readouterr().out
        return int(stopped.value.code or 0), json.loads(printed) if printed else {}

    return run_command


def test_command_prints_the_summary_and_exits_with_0(run: Any) -> None:
    order = completed_order(now=ago(days=31))

    code, summary = run()

    assert (code, summary["state"], summary["changed"]) == (0, "completed", 1)
    assert order.events.get(type="order.closed").origin == "command"


def test_surge_exits_with_3_until_it_is_approved(run: Any) -> None:
    ClosePolicy.objects.filter(kind="completed").update(surge_limit=0)
    completed_order(now=ago(days=31))

    assert run()[0] == 3
    assert run("--dry-run")[0] == 3
    assert run("--approve")[0] == 0
    assert Order.objects.get().status == "closed"


def test_policy_may_be_given_more_than_once(run: Any) -> None:
    completed_order(now=ago(days=31))
    draft_order(now=ago(days=31))

    _, summary = run("--policy", "completed", "--policy", "draft", "--dry-run")

    assert summary["changed"] == 2
    assert list(summary["policies"]) == ["completed", "draft"]


def test_limit_below_one_exits_with_1_and_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        call_command("auto_close_old_orders", "--limit", "0")

    assert stopped.value.code == 1
    assert "limit must be a whole number from 1 up" in capsys.readouterr().err
    assert not AutoCloseRun.objects.exists()


def test_unknown_policy_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'paid'"):
        call_command("auto_close_old_orders", "--policy", "paid")


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_ends_the_sweep_after_the_batch_at_hand(
    start_command: StartCommand,
) -> None:
    stock("MUG-WHITE", on_hand=5_000)
    open_orders(BATCH_SIZE + 1, now=ago(days=4), lines=[line(sku="MUG-WHITE")])

    with transaction.atomic():
        list(StockItem.objects.select_for_update())
        process = start_command(*SWEEP, stderr=subprocess.PIPE)
        until(somebody_waits_for_us)
        process.send_signal(signal.SIGINT)
    printed, complained = process.communicate(timeout=60)

    assert process.returncode == 130
    assert complained.splitlines()[-1] == (
        "Stopped. Run it again: it closes what is left."
    )
    summary = json.loads(printed)
    assert (summary["state"], summary["remaining"]) == ("partial", 1)
    assert Order.objects.filter(status="cancelled").count() == BATCH_SIZE
    assert AutoCloseRun.objects.get().state == "partial"


@pytest.mark.django_db(transaction=True)
def test_a_second_ctrl_c_ends_it_at_once_and_the_batch_is_undone(
    start_command: StartCommand, run: Any
) -> None:
    stock("MUG-WHITE", on_hand=5)
    open_orders(2, now=ago(days=4), lines=[line(sku="MUG-WHITE")])

    with transaction.atomic():
        list(StockItem.objects.select_for_update())
        process = start_command(*SWEEP, stderr=subprocess.PIPE)
        until(somebody_waits_for_us)
        process.send_signal(signal.SIGINT)
        wait_for_line(process, "Stopping after this batch; Ctrl-C again stops at once.")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    printed, complained = process.communicate(timeout=60)

    assert printed == ""
    assert complained.splitlines()[-1] == (
        "Stopped at once. Run it again: it closes what is left."
    )
    assert AutoCloseRun.objects.get().state == "failed"
    assert not Order.objects.filter(status="cancelled").exists()
    _, summary = run("--approve")
    assert summary["changed"] == 2


def wait_for_line(process: subprocess.Popen[str], said: str) -> None:
    assert process.stderr
    assert any(shown.rstrip("\n") == said for shown in process.stderr)


@pytest.mark.django_db(transaction=True)
def test_a_terminal_sees_how_far_the_sweep_is(start_command: StartCommand) -> None:
    open_orders(3, now=ago(days=4))

    shown, said = on_a_terminal(start_command, *SWEEP)

    assert "3/3" in shown
    assert json.loads(said)["changed"] == 3
