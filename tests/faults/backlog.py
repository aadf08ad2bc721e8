"""Orders that are due in several batches, and a hand on the second of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import current_app
from django.db import connection

from config.settings import broker_url
from orders.models import AutoCloseRun, Order
from orders.tasks import auto_close_old_orders
from tests.factories import completed_order, draft_orders, line, open_orders, pay, stock
from tests.orders.autoclose.sweeping import ago
from tests.scheduling.waiting import until

FIRST, SECOND, DRAFTS, COMPLETED = 12, 9, 4, 2
DUE = FIRST + SECOND + DRAFTS + COMPLETED
SPARED = 3


def make_backlog() -> None:
    """Place what each policy closes, and a few orders that none may touch.

    Each policy row is a batch of its own. That of online orders comes first and
    takes CUPs; that of offline orders is next and takes MUGs.
    """
    stock("CUP", on_hand=1000)
    stock("MUG", on_hand=1000)
    cups = [line(sku="CUP", quantity=2)]
    mugs = [line(sku="MUG"), line(sku="CUP")]
    open_orders(FIRST, now=ago(days=4), payment_mode="online", lines=cups)
    open_orders(SECOND, now=ago(days=18), payment_mode="offline", lines=mugs)
    draft_orders(DRAFTS, now=ago(days=31))
    for _ in range(COMPLETED):
        completed_order(now=ago(days=31), lines=mugs)
    paid, *_others = open_orders(SPARED, payment_mode="online", lines=cups)
    pay(paid)


@contextmanager
def second_batch_held() -> Iterator[Callable[[], None]]:
    """Hold the stock that the second batch releases; yield how to let go early.

    Done on a connection of its own, which a fault may end as well.
    """
    colleague = connection.copy()
    with colleague.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT FROM orders_stockitem WHERE sku = 'MUG' FOR UPDATE")
    try:
        yield colleague.close
    finally:
        colleague.close()


def ask_for_a_sweep(redis_url: str, *, times: int = 1) -> None:
    """Send what beat sends at midnight."""
    with current_app.connection_for_write(broker_url(redis_url)) as broker:
        for _ in range(times):
            current_app.send_task(auto_close_old_orders.name, connection=broker)


def reach_the_second_batch() -> AutoCloseRun:
    """Wait until a sweep has closed its first batch and waits in its second."""
    until(somebody_waits_for_a_lock, seconds=60)
    assert closed() == FIRST
    return AutoCloseRun.objects.filter(state="running").earliest("created_at")


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE"
            " wait_event_type = 'Lock' AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def no_sweep_is_at_work() -> bool:
    """Return whether no session holds the lock of sweeps.

    That of a killed process lives until PostgreSQL finds out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND"
            " database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database()))"
        )
        return bool(cursor.fetchone()[0])


def ended(run: AutoCloseRun) -> bool:
    """Return whether the run has said how it ended, reading its row again."""
    run.refresh_from_db()
    return run.finished_at is not None


def closed() -> int:
    return Order.objects.filter(status__in=["cancelled", "closed"]).count()


def sweep_again(redis_url: str) -> AutoCloseRun:
    """Ask for the next sweep once none is at work; return it as it ended."""
    until(no_sweep_is_at_work, seconds=30)
    known = set(AutoCloseRun.objects.values_list("pk", flat=True))
    ask_for_a_sweep(redis_url)
    following = AutoCloseRun.objects.filter(trigger="schedule").exclude(pk__in=known)
    until(lambda: following.filter(finished_at__isnull=False).exists(), seconds=60)
    return following.get()
