"""How long somebody who orders has to wait while old orders are closed.

Whoever orders has one core with their backend, and the arm has another: the wait is
for locks and for the log, not for a turn on the processor.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing import get_context
from statistics import quantiles

from .checking import check_cancelled
from .dataset import SKUS, filled, fresh, session_on
from .measuring import backend_of_django, keep_apart, on_database
from .peers import Arm, Job, asked_for, giant_statement, sweep
from .report import Answer, Gate, Spread, ratios

ROUNDS = 3
PER_SECOND = 200
IDLE_SECONDS = 3
CUSTOMER, CLOSER = 0, 1
ARMS: tuple[Arm, ...] = (sweep, giant_statement)


@dataclass
class Ordering:
    """What somebody met who reserves a unit 200 times a second.

    Each wait counts from the moment when the unit was to be reserved, so that
    one long wait is also that of all who stood behind it.
    """

    waits: list[tuple[float, float]] = field(default_factory=list)
    units: Counter[str] = field(default_factory=Counter)

    def between(self, since: float, until: float) -> list[float]:
        return [wait for due, wait in self.waits if since <= due < until]


@dataclass(frozen=True)
class Waits:
    """Waits of one round, in seconds: before the arm began, and while it worked."""

    idle: list[float]
    meanwhile: list[float]

    def shown(self) -> dict[str, float]:
        return {
            "idle_p99": p99(self.idle),
            "p99": p99(self.meanwhile),
            "longest": max(self.meanwhile),
        }


def answer(*, full: bool) -> Answer:
    """Reserve units at a steady pace, first alone, then beside each arm in turn."""
    overdue = 100_000 if full else 20_000
    waits: dict[Arm, list[Waits]] = {arm: [] for arm in ARMS}
    template = filled(overdue)
    for _ in range(ROUNDS):
        for arm in ARMS:
            with fresh(template) as database:
                waits[arm].append(_meanwhile(database, arm, overdue))
    return Answer(
        question=f"Close {overdue:,} orders while {PER_SECOND} units a second are"
        " reserved: how long each waits",
        columns=("arm", "p99 idle ms", "p99 ms", "longest ms"),
        rows=[_row(arm.__name__, waits[arm]) for arm in ARMS],
        gates=[_gate(waits[sweep])],
        raw={arm.__name__: [each.shown() for each in waits[arm]] for arm in ARMS},
    )


def p99(waits: list[float]) -> float:
    """Return the wait that one in a hundred exceeded."""
    return quantiles(waits, n=100)[98]


def _meanwhile(database: str, arm: Arm, overdue: int) -> Waits:
    stop = threading.Event()
    with (
        ProcessPoolExecutor(1, mp_context=get_context("fork")) as closer,
        ThreadPoolExecutor(1) as customer,
    ):
        # Forked now, while there is no thread that could be in the middle of a thing.
        closer.submit(time.monotonic).result()
        ordering = customer.submit(_reserve_units, database, stop)
        started = time.monotonic()
        stop.wait(IDLE_SECONDS)
        began = time.monotonic()
        job = closer.submit(
            on_database, database, partial(_close, arm, overdue)
        ).result()
        ended = time.monotonic()
        stop.set()
        met = ordering.result()
    on_database(database, partial(check_cancelled, job, met.units))
    return Waits(met.between(started, began), met.between(began, ended))


def _close(arm: Arm, overdue: int) -> Job:
    keep_apart(backend_of_django(), CLOSER)
    job = asked_for(overdue)
    arm(job)
    return job


def _reserve_units(database: str, stop: threading.Event) -> Ordering:
    """Reserve a unit of one SKU after the other, each in a transaction of its own."""
    met = Ordering()
    started = time.monotonic()
    with session_on(database) as session:
        keep_apart(session.info.backend_pid, CUSTOMER)
        for number in count():
            due = started + number / PER_SECOND
            if stop.wait(max(0, due - time.monotonic())):
                return met
            sku = f"SKU-{number * 7919 % SKUS}"
            session.execute(
                "UPDATE orders_stockitem SET reserved = reserved + 1 WHERE sku = %s",
                [sku],
            )
            met.waits.append((due, time.monotonic() - due))
            met.units[sku] += 1
    raise AssertionError("counting never ends")


def _row(name: str, waits: list[Waits]) -> list[str]:
    rounds = [each.shown() for each in waits]
    return [
        name,
        Spread([each["idle_p99"] for each in rounds]).shown(1e3, 1),
        Spread([each["p99"] for each in rounds]).shown(1e3, 1),
        Spread([each["longest"] for each in rounds]).shown(1e3, 0),
    ]


def _gate(waits: list[Waits]) -> Gate:
    rounds = [each.shown() for each in waits]
    times_idle = ratios(
        [each["p99"] for each in rounds], [each["idle_p99"] for each in rounds]
    )
    return Gate("p99 of what it is idle", times_idle, at_most=4)
