"""The clock and stock beat under the same faults: `make faults-full`.

What is counted knows neither of them: how often a body ran, by the trace that it
leaves, against how often it should have. The tables are prepared in a way that both
read: an hourly interval whose last run, and whose grid, lie an hour back.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from redis import Redis

from scheduling.clock import database_now
from tests.faults.clock import Clock
from tests.faults.comparison import PROPERTY, Outcome
from tests.faults.own_servers import OwnPostgres, OwnRedis
from tests.faults.test_database import end_every_other_connection
from tests.processes import OwnProcess
from tests.scheduling.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("own PostgreSQL"),
]

STOCK = "django_celery_beat.schedulers:DatabaseScheduler"
SCHEDULERS = {
    "scheduling.beat": (),
    # As often as it can look: the default is five seconds.
    "django-celery-beat": (f"--scheduler={STOCK}", "--max-interval=1"),
}
#: Time for what was sent to run, and for what should not be to show.
SETTLED = 10
#: A minute is what a ring, and a lease, are given; the latter some seconds more.
RUNG_AGAIN = 90
#: Stock beat reads all schedules again after five minutes.
READ_AGAIN = 310


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """Return the address of a database on a server that may be stopped."""
    return own_database_url


@pytest.fixture
def redis_url(own_redis: OwnRedis) -> str:
    """Return the address of a broker that may be stopped."""
    return own_redis.url


@dataclass
class Scene:
    """The processes of one scheduler, and the servers that they need."""

    clock: Clock
    redis: OwnRedis
    postgres: OwnPostgres

    def hourly(self, *, slot_in: float, body: float = 0.0) -> PeriodicTask:
        """Make a schedule with one slot, so many seconds from now."""
        hour_before = database_now() + timedelta(seconds=slot_in, hours=-1)
        interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
        return self.clock.task(
            body, interval=interval, start_time=hour_before, last_run_at=hour_before
        )

    def beat(self, *, hours_off: float = 0.0) -> OwnProcess:
        beat = self.clock.beat(hours_off=hours_off)
        beat.wait_until_it_says("beat: Starting...")
        return beat

    def ran(self) -> int:
        return sum(body.ended is not None for body in self.clock.bodies())

    def wait(self, bodies: int, *, seconds: float) -> None:
        """Give so many bodies so much time."""
        deadline = time.monotonic() + seconds
        while self.ran() < bodies and time.monotonic() < deadline:
            time.sleep(0.1)

    def forget_messages(self) -> None:
        with Redis.from_url(self.redis.url) as broker:
            broker.flushall()


def nothing(scene: Scene) -> int:
    scene.clock.worker()
    scene.beat()
    scene.hourly(slot_in=2)
    return 1


def two_beats(scene: Scene) -> int:
    scene.hourly(slot_in=20)
    scene.clock.worker()
    scene.beat()
    scene.beat()
    time.sleep(15)
    return 1


def killed_after_sending(scene: Scene) -> int:
    scene.clock.worker()
    beat = scene.beat()
    scene.hourly(slot_in=2)
    until(lambda: scene.ran() == 1, seconds=60)
    beat.kill()
    scene.clock.beats.remove(beat)
    scene.beat()
    return 1


def no_beat_for_hours(scene: Scene) -> int:
    slot = database_now().replace(second=0, microsecond=0) - timedelta(hours=3)
    before = slot - timedelta(days=1)
    task = scene.clock.daily(at=slot, anchor=before, changed_at=before, next_slot=slot)
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=before)
    scene.clock.worker()
    scene.beat()
    return 1


def broker_stopped(scene: Scene) -> int:
    at_work(scene)
    scene.hourly(slot_in=5)
    scene.redis.stop()
    time.sleep(15)
    scene.redis.start()
    return 2


def broker_hung(scene: Scene) -> int:
    at_work(scene)
    scene.hourly(slot_in=5)
    with scene.redis.hung():
        time.sleep(40)
    return 2


def at_work(scene: Scene) -> None:
    """Have a slot run before the fault: the connections are there that it breaks."""
    scene.clock.worker()
    scene.beat()
    scene.hourly(slot_in=2)
    scene.wait(1, seconds=60)


def message_lost(scene: Scene) -> int:
    scene.beat()
    scene.hourly(slot_in=2)
    time.sleep(10)
    scene.forget_messages()
    scene.clock.worker()
    scene.wait(1, seconds=RUNG_AGAIN)
    return 1


def connections_ended(scene: Scene) -> int:
    scene.clock.worker()
    scene.beat()
    scene.hourly(slot_in=8)
    for _ in range(8):
        end_every_other_connection()
        time.sleep(1)
    return 1


def database_away_for_long(scene: Scene) -> int:
    scene.clock.worker()
    scene.beat()
    scene.hourly(slot_in=READ_AGAIN + 5)
    time.sleep(2)
    scene.postgres.stop()
    time.sleep(READ_AGAIN)
    scene.postgres.start_again()
    connection.close()
    time.sleep(SETTLED)
    return 1


def worker_killed(scene: Scene) -> int:
    worker = scene.clock.worker()
    scene.beat()
    scene.hourly(slot_in=2, body=3)
    until(lambda: bool(scene.clock.bodies()), seconds=60)
    os.killpg(worker.pid, signal.SIGKILL)
    scene.clock.worker()
    scene.wait(1, seconds=RUNG_AGAIN + SETTLED)
    return 1


def unreadable_row(scene: Scene) -> int:
    bad = scene.hourly(slot_in=60)
    PeriodicTask.objects.filter(pk=bad.pk).update(headers="[1]")
    scene.hourly(slot_in=5)
    scene.clock.worker()
    scene.beat()
    return 1


def turned_off_by_update(scene: Scene) -> int:
    scene.clock.worker()
    scene.beat()
    task = scene.hourly(slot_in=10)
    time.sleep(5)
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
    time.sleep(5)
    return 0


def clock_hours_ahead(scene: Scene) -> int:
    scene.clock.worker()
    scene.beat(hours_off=5)
    scene.hourly(slot_in=1800)
    return 0


FAULTS: dict[str, tuple[Callable[[Scene], int], str]] = {
    "None": (nothing, "held"),
    "Two beats": (two_beats, "doubled"),
    "Beat killed after it sent a slot, and started again": (
        killed_after_sending,
        "doubled",
    ),
    "No beat at a daily slot, and one three hours later": (no_beat_for_hours, "lost"),
    "Redis stopped at the slot, and started again": (broker_stopped, "lost"),
    "Redis hung at the slot for 40 seconds": (broker_hung, "held"),
    "Redis lost the message": (message_lost, "lost"),
    "Every connection to PostgreSQL ended, eight times": (connections_ended, "held"),
    "PostgreSQL away for five minutes": (database_away_for_long, "stopped"),
    "Worker killed in the middle of a run": (worker_killed, "lost"),
    "A row that nobody can read": (unreadable_row, "stopped"),
    "Turned off by an UPDATE": (turned_off_by_update, "doubled"),
    "Beat's clock five hours ahead": (clock_hours_ahead, "doubled"),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_clock_holds_and_stock_beat_does_as_it_does(
    own_postgres: OwnPostgres,
    own_redis: OwnRedis,
    clock: Clock,
    record_property: Callable[[str, object], None],
    fault: str,
    scheduler: str,
) -> None:
    cause, with_stock = FAULTS[fault]
    clock.beat_options = SCHEDULERS[scheduler]
    scene = Scene(clock, own_redis, own_postgres)

    expected = cause(scene)
    scene.wait(expected, seconds=30)
    time.sleep(SETTLED)

    ended = sum(beat.has_ended() for beat in clock.beats)
    outcome = Outcome(expected=expected, ran=scene.ran(), beats_ended=ended)
    record_property(PROPERTY, (fault, scheduler, str(outcome)))
    assert outcome.verdict == (with_stock if clock.beat_options else "held")
