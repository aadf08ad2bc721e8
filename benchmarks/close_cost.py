"""What closing one order costs, beside other ways of closing it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from .checking import check_cancelled
from .dataset import filled, fresh
from .measuring import Cost, in_own_process, measured
from .peers import (
    Arm,
    asked_for,
    bulk_create_by_thousands,
    giant_statement,
    loop_with_save,
    objects_by_hundreds,
    sweep,
)
from .report import Answer, Gate, Spread, ratios

ROUNDS = 3
MEBIBYTE = 2**20
#: Each arm with the part of the orders that it closes: the slow ones do fewer.
ARMS: Mapping[Arm, float] = {
    sweep: 1,
    giant_statement: 1,
    bulk_create_by_thousands: 0.1,
    objects_by_hundreds: 0.1,
    loop_with_save: 0.01,
}
COLUMNS = (
    "arm",
    "orders",
    "CPU µs an order",
    "of it client",
    "orders/s (wall)",
    "busiest transaction: CPU ms",
    "longest transaction: ms (wall)",
    "client memory MiB",
)


def answer(*, full: bool) -> Answer:
    """Measure each arm in turn, round by round, on copies of the same data."""
    overdue = 100_000 if full else 20_000
    counts = {arm: round(overdue * part) for arm, part in ARMS.items()}
    costs: dict[Arm, list[Cost]] = {arm: [] for arm in ARMS}
    template = filled(overdue)
    for _ in range(ROUNDS):
        for arm, count in counts.items():
            costs[arm].append(cost_of(arm, count, template))
    return Answer(
        question=f"Close {overdue:,} orders: what one costs",
        columns=COLUMNS,
        rows=[row(arm.__name__, counts[arm], costs[arm]) for arm in ARMS],
        gates=_gates(
            {arm: per_order(costs[arm], counts[arm]) for arm in ARMS}, costs[sweep]
        ),
        raw={arm.__name__: [cost.as_json() for cost in costs[arm]] for arm in ARMS},
    )


def cost_of(arm: Arm, count: int, template: str) -> Cost:
    """Measure an arm on a fresh copy, and check what it did."""
    with fresh(template) as database:
        return in_own_process(database, partial(_measure, arm, count))


def _measure(arm: Arm, count: int) -> Cost:
    job = asked_for(count)
    with measured() as cost:
        arm(job)
    check_cancelled(job)
    return cost


def row(name: str, count: int, costs: list[Cost]) -> list[str]:
    """Return one arm's row of the table with COLUMNS."""
    return [
        name,
        f"{count:,}",
        Spread([cost.used.cpu / count for cost in costs]).shown(1e6, 0),
        Spread([cost.used.client_cpu / count for cost in costs]).shown(1e6, 0),
        Spread([count / cost.used.wall for cost in costs]).shown(1, 0),
        Spread([cost.busiest_transaction for cost in costs]).shown(1e3, 0),
        Spread([cost.longest_transaction for cost in costs]).shown(1e3, 0),
        Spread([cost.memory for cost in costs]).shown(1 / MEBIBYTE, 1),
    ]


def per_order(costs: list[Cost], count: int) -> list[float]:
    """Return seconds of processor time for one order, round by round."""
    return [cost.used.cpu / count for cost in costs]


def _gates(each: dict[Arm, list[float]], costs: list[Cost]) -> list[Gate]:
    ours = each[sweep]
    busiest = Spread([cost.busiest_transaction * 1e3 for cost in costs])
    memory = Spread([cost.memory / MEBIBYTE for cost in costs])
    return [
        Gate("of the limit's speed", ratios(each[giant_statement], ours), at_least=0.5),
        Gate(
            "faster than objects by hundreds",
            ratios(each[objects_by_hundreds], ours),
            at_least=7,
        ),
        Gate(
            "faster than a loop with save()",
            ratios(each[loop_with_save], ours),
            at_least=40,
        ),
        Gate("CPU of the busiest transaction", busiest, at_most=250, unit="ms"),
        Gate("client memory", memory, at_most=8, unit="MiB"),
    ]
