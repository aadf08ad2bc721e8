"""Redis stops, forgets or hangs while slots come: the rows wait, and all run."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from scheduling.models import Run
from tests.faults.clock import (
    Clock,
    each_ran,
    one_at_a_time,
    reaches,
    ring_now,
    stop,
)
from tests.faults.own_servers import OwnRedis
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

AWAY_SECONDS = 4


@pytest.fixture
def redis_url(own_redis: OwnRedis) -> str:
    """Return the address of a broker that may be stopped."""
    return own_redis.url


def forget_all(own_redis: OwnRedis) -> None:
    with Redis.from_url(own_redis.url) as broker:
        broker.flushall()


def test_slots_run_once_though_the_broker_stops_hangs_and_forgets(
    clock: Clock, own_redis: OwnRedis
) -> None:
    clock.worker()
    beats = [clock.beat(), clock.beat()]
    queued = clock.series(catch_up="all", overlap="queue")
    beside = clock.series(catch_up="all", overlap="allow")
    until(reaches(queued.task, "succeeded", count=2), seconds=60)

    own_redis.stop()
    time.sleep(AWAY_SECONDS)
    own_redis.start()
    until(lambda: any(beat.has_said("broker_away") for beat in beats), seconds=60)
    until(reaches(beside.task, "succeeded", count=2 + AWAY_SECONDS), seconds=60)
    with own_redis.hung():
        time.sleep(AWAY_SECONDS)
    forget_all(own_redis)
    ring_now()
    done = Run.objects.filter(periodic_task=queued.task, state="succeeded").count()
    until(reaches(queued.task, "succeeded", count=done + 2), seconds=60)

    stop(queued, beside)
    bodies = clock.bodies()
    assert each_ran(queued, bodies)
    assert each_ran(beside, bodies)
    assert one_at_a_time(queued.task, bodies)


def test_run_whose_message_vanished_is_rung_again(
    clock: Clock, own_redis: OwnRedis
) -> None:
    clock.beat()
    series = clock.series(every=3600)
    until(reaches(series.task, "queued"), seconds=60)
    forget_all(own_redis)
    worker = clock.worker()
    assert not worker.has_said("received")

    ring_now()

    until(reaches(series.task, "succeeded"))
    stop(series)
    assert each_ran(series, clock.bodies())
    run = Run.objects.get()
    assert (run.attempts, run.rings) == (1, 2)
