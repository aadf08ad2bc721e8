"""Redis is away, empty or hung around the time of a sweep."""

from __future__ import annotations

import http.client
import socket
import time

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from redis import Redis

from orders.models import AutoCloseRun
from tests.faults.backlog import (
    DUE,
    ask_for_a_sweep,
    closed,
    ended,
    make_backlog,
    reach_the_second_batch,
    second_batch_held,
    sweep_again,
)
from tests.faults.invariants import all_is_done
from tests.faults.own_servers import OwnRedis
from tests.orders.autoclose.sweeping import started
from tests.processes import OwnProcess, StartCelery, StartProcess
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis_url(own_redis: OwnRedis) -> str:
    """Return the address of a broker that may be stopped."""
    return own_redis.url


def test_flushed_broker_loses_a_message_and_the_next_sweep_makes_up_for_it(
    celery_worker: OwnProcess, redis_url: str
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(redis_url, times=2)
        run = reach_the_second_batch()

        with Redis.from_url(redis_url) as broker:
            broker.flushall()

    until(lambda: ended(run), seconds=60)
    assert (run.state, run.summary["changed"]) == ("completed", DUE)

    following = sweep_again(redis_url)

    assert (following.state, following.summary["changed"]) == ("completed", 0)
    assert AutoCloseRun.objects.count() == 2
    assert all_is_done()
    assert not celery_worker.has_said("Traceback")


def test_worker_outlives_a_broker_that_restarts_in_the_middle_of_its_sweep(
    celery_worker: OwnProcess, own_redis: OwnRedis
) -> None:
    make_backlog()
    with second_batch_held():
        ask_for_a_sweep(own_redis.url)
        run = reach_the_second_batch()

        own_redis.stop()
        celery_worker.wait_until_it_says("Connection to broker lost")
        own_redis.start()

    until(lambda: ended(run), seconds=60)
    assert (run.state, run.summary["changed"]) == ("completed", DUE)

    following = sweep_again(own_redis.url)

    assert (following.state, following.summary["changed"]) == ("completed", 0)
    assert all_is_done()


def test_sweep_ends_while_the_broker_hangs_and_its_worker_takes_the_next(
    celery_worker: OwnProcess, own_redis: OwnRedis
) -> None:
    make_backlog()
    with second_batch_held() as let_go:
        ask_for_a_sweep(own_redis.url)
        run = reach_the_second_batch()
        asked_for = started()
        with own_redis.hung():
            let_go()
            until(lambda: ended(run), seconds=60)
            celery_worker.wait_until_it_says("autoclose_not_enqueued", seconds=15)

    assert (run.state, run.summary["changed"]) == ("completed", DUE)

    following = sweep_again(own_redis.url)

    assert (following.state, following.summary["changed"]) == ("completed", 0)
    until(lambda: ended(asked_for), seconds=60)
    assert asked_for.state == "completed"
    assert all_is_done()


class Site:
    """The site as a process of its own, and a member of staff who is logged in."""

    def __init__(self, start: StartProcess) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        address = f"--bind=127.0.0.1:{self._port}"
        arguments = ["--config=python:config.gunicorn", address, "config.wsgi"]
        self.process = start("web", "gunicorn", *arguments)
        self.process.wait_until_it_says("Listening at")
        self._client = Client()
        self._client.force_login(User.objects.create_superuser("ada"))

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """Return the answer's status and text; TimeoutError after a minute."""
        token = "t" * 32
        cookies = {
            settings.CSRF_COOKIE_NAME: token,
            **{name: morsel.value for name, morsel in self._client.cookies.items()},
        }
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": token,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers["Location"] or text


def test_admin_answers_while_the_broker_hangs_and_the_sweep_is_made_up_for(
    start_process: StartProcess, start_celery: StartCelery, own_redis: OwnRedis
) -> None:
    make_backlog()
    site = Site(start_process)
    with own_redis.hung():
        asked_at = time.monotonic()
        status, page = site.ask("POST", "/admin/orders/autocloserun/start/")
        waited = time.monotonic() - asked_at

    assert status == 302
    assert waited < 15
    assert site.process.has_said("autoclose_not_enqueued")
    asked_for = AutoCloseRun.objects.get(trigger="manual")
    assert (asked_for.state, closed()) == ("queued", 0)
    assert str(asked_for.pk) in page

    start_celery("worker", "--concurrency=1")
    sweep_again(own_redis.url)
    until(lambda: ended(asked_for), seconds=60)
    assert asked_for.state == "completed"
    assert closed() == DUE
    assert all_is_done()
