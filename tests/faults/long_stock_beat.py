"""What stock beat does not hold: `make faults-full`, not `make test`.

Whether its first message after an outage meets a connection that is broken is a
matter of moments; what is ours, the next sweep, catches up either way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from redis import Redis

from orders.models import AutoCloseRun
from scheduling.seeding import apply_defaults
from tests.faults.backlog import DUE, closed, make_backlog
from tests.faults.invariants import all_is_done
from tests.faults.own_servers import OwnRedis
from tests.processes import StartCelery
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis_url(own_redis: OwnRedis) -> str:
    """Return the address of a broker that may be stopped."""
    return own_redis.url


@pytest.fixture
def nightly() -> PeriodicTask:
    """Return the schedule of sweeps, last run now, once a day from here on.

    A crontab's slot would have to be waited for.
    """
    apply_defaults()
    daily, _ = IntervalSchedule.objects.get_or_create(every=1, period="days")
    schedule = PeriodicTask.objects.get(task="orders.tasks.auto_close_old_orders")
    schedule.crontab, schedule.interval = None, daily
    schedule.last_run_at = datetime.now(UTC)
    schedule.save()
    return schedule


def let_a_day_pass(schedule: PeriodicTask, *, runs: int) -> None:
    """Put the last of so many runs back to yesterday, once beat has written it down.

    It does so when it hears of a change, over whatever stands there.
    """
    PeriodicTasks.update_changed()
    mine = PeriodicTask.objects.filter(pk=schedule.pk)
    until(mine.filter(total_run_count=runs).exists, seconds=60)
    mine.update(last_run_at=datetime.now(UTC) - timedelta(days=1, minutes=1))
    PeriodicTasks.update_changed()


def messages(redis_url: str) -> int:
    with Redis.from_url(redis_url) as broker:
        count: int = broker.llen("celery")
    return count


def test_slot_is_lost_while_the_broker_is_away_and_the_next_makes_up_for_it(
    start_celery: StartCelery, nightly: PeriodicTask, own_redis: OwnRedis
) -> None:
    make_backlog()
    beat = start_celery("beat", "--max-interval=1")
    let_a_day_pass(nightly, runs=0)
    until(lambda: messages(own_redis.url) == 1, seconds=60)
    with Redis.from_url(own_redis.url) as broker:
        broker.flushall()

    own_redis.stop()
    let_a_day_pass(nightly, runs=1)
    beat.wait_until_it_says("Message Error")
    own_redis.start()
    let_a_day_pass(nightly, runs=2)

    # The third day's message is sent, and the second day's never.
    until(lambda: messages(own_redis.url) == 1, seconds=60)
    beat.ask_to_stop()
    assert beat.exit_code() == 0
    assert messages(own_redis.url) == 1
    nightly.refresh_from_db()
    assert nightly.total_run_count == 3

    start_celery("worker", "--concurrency=1")
    until(lambda: AutoCloseRun.objects.filter(finished_at__isnull=False).exists())
    assert closed() == DUE
    assert all_is_done()
