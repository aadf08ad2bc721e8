"""What the stack comes back from: kills, restarts, more and fewer workers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.stack import Stack

LONG_RUNNING = ["db", "redis", "web", "worker", "beat"]


@pytest.fixture
def three_workers(stack: Stack) -> Iterator[None]:
    stack.up("--scale", "worker=3")
    yield
    stack.up("--scale", "worker=1")


@pytest.fixture
def _started_again(stack: Stack) -> Iterator[None]:
    yield
    stack.up()


def _restarted(stack: Stack, service: str, earlier: dict[str, Any]) -> bool:
    state = stack.container(service)["State"]
    is_another: bool = state["StartedAt"] != earlier["State"]["StartedAt"]
    is_healthy: bool = state["Health"]["Status"] == "healthy"
    return is_another and is_healthy


def _answering_workers(stack: Stack) -> dict[str, Any]:
    answers: dict[str, Any] = json.loads(
        stack.exec("worker", "celery", "-A", "config", "inspect", "ping", "--json")
    )
    return answers


@pytest.mark.usefixtures("three_workers")
def test_every_one_of_three_workers_answers(stack: Stack) -> None:
    workers = stack.containers("worker")
    hosts = [worker["Config"]["Hostname"] for worker in workers]

    assert len(hosts) == 3
    everyone = {f"celery@{host}": {"ok": "pong"} for host in hosts}
    stack.wait_for(lambda: _answering_workers(stack) == everyone)


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_killed_main_process_is_started_again(stack: Stack, service: str) -> None:
    earlier = stack.container(service)

    stack.kill(earlier)

    stack.wait_for(lambda: _restarted(stack, service, earlier))
    # What was lost with the database or the broker is back as well.
    stack.wait_for(lambda: Browser(stack.url).get("/readyz").status == 200)
    stack.wait_for(lambda: _answering_workers(stack))


@pytest.mark.usefixtures("_started_again")
def test_stopped_services_end_in_good_order(stack: Stack) -> None:
    # Each while what it depends on is there.
    for service in reversed(LONG_RUNNING):
        stack.compose("stop", service)

    states = {name: stack.container(name)["State"] for name in LONG_RUNNING}
    ends = {
        name: (state["Status"], state["ExitCode"], state["OOMKilled"])
        for name, state in states.items()
    }
    assert ends == dict.fromkeys(LONG_RUNNING, ("exited", 0, False))


@pytest.mark.usefixtures("real_orders")
def test_no_order_is_lost_with_the_containers(stack: Stack) -> None:
    before = fingerprint(stack)

    stack.compose("down")
    stack.up()

    assert fingerprint(stack) == before


def fingerprint(stack: Stack) -> str:
    """Return what differs when an order, a line or an event is missing or changed."""
    tables = ("order", "orderline", "orderevent", "payment", "stockitem")
    sums = " UNION ALL ".join(
        f"SELECT '{name}', count(*), sum(hashtext(t::text)) FROM orders_{name} t"  # noqa: S608 - our own names
        for name in tables
    )
    return stack.shell(
        "from django.db import connection\n"
        "cursor = connection.cursor()\n"
        f'cursor.execute("""{sums}""")\n'
        "print(cursor.fetchall())"
    )
