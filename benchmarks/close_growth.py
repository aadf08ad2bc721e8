"""Whether closing an order costs more where there are more of them."""

from __future__ import annotations

from .close_cost import COLUMNS, MEBIBYTE, cost_of, per_order, row
from .dataset import filled
from .measuring import Cost
from .peers import sweep
from .report import Answer, Gate, Spread, ratios

ROUNDS = 3
# Both are larger than PostgreSQL's shared buffers. That an order costs less where all
# of them fit says nothing about growth.
SIZES = (50_000, 100_000)
FULL_SIZES = (100_000, 1_000_000, 5_000_000)


def answer(*, full: bool) -> Answer:
    """Sweep all of ever more orders, each size in turn."""
    sizes: tuple[int, ...] = FULL_SIZES if full else SIZES
    costs: dict[int, list[Cost]] = {size: [] for size in sizes}
    templates = {size: filled(size) for size in sizes}
    for _ in range(1 if full else ROUNDS):
        for size, template in templates.items():
            costs[size].append(cost_of(sweep, size, template))
    return Answer(
        question="Close ever more orders: what one costs",
        columns=COLUMNS,
        rows=[row("sweep", size, costs[size]) for size in sizes],
        gates=_gates(costs),
        raw={str(size): [cost.as_json() for cost in costs[size]] for size in sizes},
    )


def _gates(costs: dict[int, list[Cost]]) -> list[Gate]:
    smallest, *larger = costs
    speeds = [
        Gate(
            f"speed at {size:,} of that at {smallest:,}",
            ratios(per_order(costs[smallest], smallest), per_order(costs[size], size)),
            at_least=0.8,
        )
        for size in larger
    ]
    memory = Spread([cost.memory / MEBIBYTE for cost in costs[larger[-1]]])
    name = f"client memory at {larger[-1]:,}"
    return [*speeds, Gate(name, memory, at_most=8, unit="MiB")]
