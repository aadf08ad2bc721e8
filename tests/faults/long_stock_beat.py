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
STOCK = "django_celery_beat.schedulers:DatabaseScheduler"
PATIENCE_DAYS = 6


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


def let_a_day_pass(schedule: PeriodicTask) -> None:
    """Make the schedule due; return once beat has run it and written that down.

    It writes when it hears of a change, after it has sent its message or failed to.
    """
    mine = PeriodicTask.objects.filter(pk=schedule.pk)
    runs = mine.get().total_run_count
    mine.update(last_run_at=datetime.now(UTC) - timedelta(days=1, minutes=1))

    counted = mine.filter(total_run_count=runs + 1)

    def is_counted() -> bool:
        PeriodicTasks.update_changed()
        return bool(counted.exists())

    until(is_counted, seconds=60)


def messages(redis_url: str) -> int:
    with Redis.from_url(redis_url) as broker:
        count: int = broker.llen("celery")
    return count


def test_slot_is_lost_while_the_broker_is_away_and_the_next_makes_up_for_it(
    start_celery: StartCelery, nightly: PeriodicTask, own_redis: OwnRedis
) -> None:
    make_backlog()
    beat = start_celery("beat", f"--scheduler={STOCK}", "--max-interval=1")
    let_a_day_pass(nightly)
    assert messages(own_redis.url) == 1
    with Redis.from_url(own_redis.url) as broker:
        broker.flushall()

    own_redis.stop()
    let_a_day_pass(nightly)
    own_redis.start()
    assert beat.has_said("Message Error")
    days = 2
    while not messages(own_redis.url):
        # The connection that broke may cost the day after the outage as well.
        assert days < PATIENCE_DAYS
        let_a_day_pass(nightly)
        days += 1

    # The last day's message is there, and the second day's never comes.
    assert days > 2
    beat.ask_to_stop()
    assert beat.exit_code() == 0
    assert messages(own_redis.url) == 1
    nightly.refresh_from_db()
    assert nightly.total_run_count == days

    start_celery("worker", "--concurrency=1")
    until(lambda: AutoCloseRun.objects.filter(finished_at__isnull=False).exists())
    assert closed() == DUE
    assert all_is_done()
