"""Whether four sweeps and payers at once get in each other's way.

Tried without the advisory lock that lets one sweep run at a time, because nothing
may rest on it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from multiprocessing import get_context

from django.db import connection

from orders.autoclose.sweep import Sweep, _sweep
from orders.models import Order
from orders.services.payments import record_payment

from .checking import check_books
from .dataset import filled, fresh
from .measuring import measured, on_database
from .peers import SYSTEM, asked_for
from .report import Answer, Gate, Spread

ROUNDS = 3
OVERDUE = 5_000
PAYERS = 2
PAYMENTS = 200
#: Small, so that they meet often.
BATCH_SIZE = 250

PAID_AND_CLOSED = """
SELECT count(*) FROM orders_orderevent AS paid JOIN orders_orderevent AS cancelled
USING (order_id) WHERE paid.type = 'payment.succeeded'
    AND cancelled.type = 'order.cancelled' AND paid.seq < cancelled.seq
"""
DOUBLE_EVENTS = """
SELECT count(*) - count(DISTINCT order_id) FROM orders_orderevent
WHERE type = 'order.cancelled'
"""
LEFT_OVER = """
SELECT count(*) FROM orders_order WHERE status = 'open'
    AND customer_reference = 'overdue' AND captured_total = 0
"""
DEADLOCKS = """
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True)
class Done:
    """What one process did: orders closed or paid, and those that others took."""

    count: int
    taken: int
    cpu: float


@dataclass(frozen=True)
class Outcome:
    """What one round came to."""

    closed: int
    paid: int
    taken: int
    cpu_per_order: float
    deadlocks: int
    double_events: int
    paid_and_closed: int
    left_over: int


def answer(*, full: bool) -> Answer:
    """Let one sweep, then four with payers, loose on the same data."""
    overdue = OVERDUE * 10 if full else OVERDUE
    alone: list[Outcome] = []
    together: list[Outcome] = []
    template = filled(overdue)
    for _ in range(ROUNDS):
        alone.append(_round(template, sweeps=1, payers=0))
        together.append(_round(template, sweeps=4, payers=PAYERS))
    return Answer(
        question=f"Close {overdue:,} orders by four sweeps at once, while"
        f" {PAYERS * PAYMENTS} of them are paid",
        columns=("arm", "closed", "paid", "found taken", "CPU µs an order closed"),
        rows=[
            _row("one sweep", alone),
            _row(f"four sweeps, {PAYERS} payers", together),
        ],
        gates=[
            _none("deadlocks", [each.deadlocks for each in together]),
            _none("double events", [each.double_events for each in together]),
            _none("paid orders closed", [each.paid_and_closed for each in together]),
            _none("unpaid orders left over", [each.left_over for each in together]),
        ],
        raw={
            "alone": [asdict(each) for each in alone],
            "together": [asdict(each) for each in together],
        },
    )


def _round(template: str, *, sweeps: int, payers: int) -> Outcome:
    jobs: list[Callable[[], Done]] = [_sweep_without_the_lock] * sweeps
    jobs += [partial(_pay, part) for part in range(payers)]
    with fresh(template) as database:
        with ProcessPoolExecutor(len(jobs), get_context("fork")) as pool:
            started = [pool.submit(on_database, database, job) for job in jobs]
            done = [each.result() for each in started]
        return on_database(database, partial(_outcome, done[:sweeps], done[sweeps:]))


def _sweep_without_the_lock() -> Done:
    run = asked_for(10**9).run
    mine = Sweep(run, SYSTEM, lambda: False, float("inf"), BATCH_SIZE)
    with measured() as cost:
        _sweep(mine)
    return Done(
        count=sum(tally.changed for tally in mine.tallies),
        taken=sum(tally.skipped_locked + tally.no_longer_due for tally in mine.tallies),
        cpu=cost.used.cpu,
    )


def _pay(part: int) -> Done:
    """Pay overdue orders one by one, the latest first: the sweeps come to meet it."""
    overdue = Order.objects.filter(customer_reference="overdue")
    latest_first = list(
        overdue.order_by("-payment_due_at").values_list("pk", flat=True)
    )
    step = len(latest_first) // PAYMENTS
    mine = latest_first[part::step]
    found = Order.objects.in_bulk(mine)
    with measured() as cost:
        for pk in mine:
            record_payment(found[pk], kind="capture", amount=Decimal(25), by=SYSTEM)
    return Done(count=len(mine), taken=0, cpu=cost.used.cpu)


def _outcome(swept: list[Done], paid: list[Done]) -> Outcome:
    check_books()
    closed = sum(done.count for done in swept)
    return Outcome(
        closed=closed,
        paid=sum(done.count for done in paid),
        taken=sum(done.taken for done in swept),
        cpu_per_order=sum(done.cpu for done in swept) / closed,
        deadlocks=_counted(DEADLOCKS),
        double_events=_counted(DOUBLE_EVENTS),
        paid_and_closed=_counted(PAID_AND_CLOSED),
        left_over=_counted(LEFT_OVER),
    )


def _counted(question: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(question)
        (count,) = cursor.fetchone()
    return int(count)


def _row(name: str, outcomes: list[Outcome]) -> list[str]:
    return [
        name,
        Spread([each.closed for each in outcomes]).shown(1, 0),
        Spread([each.paid for each in outcomes]).shown(1, 0),
        Spread([each.taken for each in outcomes]).shown(1, 0),
        Spread([each.cpu_per_order for each in outcomes]).shown(1e6, 0),
    ]


def _none(name: str, counts: list[int]) -> Gate:
    """Return the gate that something never happened, in no round."""
    return Gate(name, Spread([max(counts)]), at_most=0, unit="in any round")
