"""What the clock costs: a tick with nothing to do, and a slot when many are due."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial

from celery import current_app

from .dataset import fresh
from .measuring import in_own_process, measured
from .report import Answer, Gate, Spread, ratios
from .schedulers import ARMS, TASK, Arm, empty_queue, empty_redis, scheduled, send_all

ROUNDS = 3
FEW = 1_000
SCHEDULES = 10_000
MORE_SCHEDULES = 50_000
BARE = 1000
MEBIBYTE = 1024**2
COLUMNS = (
    "arm",
    "schedules",
    "start: s (wall)",
    "memory MiB",
    "idle tick: CPU ms",
    "a slot of many due: CPU ms",
    "many due: slots/s (wall)",
)


@dataclass(frozen=True)
class Turn:
    """What one arm took in one round. Seconds, and bytes."""

    start: float
    memory: int
    tick: float
    slot: float
    slots_a_second: float


def answer(*, full: bool) -> Answer:
    """Let each arm start, tick with nothing to do, and send what is due; in turn."""
    turns: dict[tuple[str, int], list[Turn]] = {}
    bare: list[float] = []
    empty_redis()
    ours = ARMS[:1]
    few, many = FEW, SCHEDULES
    for count, arms in ((few, ours), (many, ARMS), (MORE_SCHEDULES, ours)):
        if count == MORE_SCHEDULES and not full:
            continue
        template = scheduled(count)
        for _ in range(ROUNDS):
            for arm in arms:
                turn = _turn(arm, count, template)
                turns.setdefault((arm.name, count), []).append(turn)
            if count == many:
                bare.append(_bare(template))
    return Answer(
        question=f"Keep {many:,} daily and hourly schedules: what the clock costs",
        columns=COLUMNS,
        rows=[_row(*key, turns[key]) for key in turns] + [_bare_row(bare)],
        gates=_gates(turns, bare, few, many),
        raw={
            f"{name} {count}": [asdict(turn) for turn in turns[name, count]]
            for name, count in turns
        }
        | {"bare": bare},
    )


def _turn(arm: Arm, count: int, template: str) -> Turn:
    empty_queue()
    with fresh(template) as database:
        return in_own_process(database, partial(_measure, arm, count))


def _measure(arm: Arm, count: int) -> Turn:
    arm.prepare(count)
    with measured() as starting:
        scheduler = arm.start()
        scheduler.tick()
    with measured() as idling:
        for _ in range(arm.ticks):
            scheduler.tick()
    due = min(arm.due, count // 25)
    arm.make_due(scheduler, due)
    with measured() as sending:
        took = send_all(scheduler, due)
    scheduler.sync()
    if arm.counted() != due:
        raise AssertionError(f"{arm.name} wrote down {arm.counted()} of {due} slots.")
    return Turn(
        start=starting.used.wall,
        memory=starting.memory,
        tick=idling.used.cpu / arm.ticks,
        slot=sending.used.cpu / due,
        slots_a_second=due / took,
    )


def _bare(template: str) -> float:
    empty_queue()
    with fresh(template) as database:
        return in_own_process(database, _send_bare)


def _send_bare() -> float:
    """Return what one message costs that nobody keeps a record of."""
    current_app.send_task(TASK)
    with measured() as cost:
        for _ in range(BARE):
            current_app.send_task(TASK)
    return cost.used.cpu / BARE


def _row(name: str, count: int, turns: list[Turn]) -> list[str]:
    return [
        name,
        f"{count:,}",
        Spread([turn.start for turn in turns]).shown(),
        Spread([turn.memory for turn in turns]).shown(1 / MEBIBYTE, 1),
        Spread([turn.tick for turn in turns]).shown(1e3),
        Spread([turn.slot for turn in turns]).shown(1e3),
        Spread([turn.slots_a_second for turn in turns]).shown(1, 0),
    ]


def _bare_row(bare: list[float]) -> list[str]:
    return ["bare send_task", "", "", "", "", Spread(bare).shown(1e3), ""]


def _gates(
    turns: dict[tuple[str, int], list[Turn]], bare: list[float], few: int, many: int
) -> list[Gate]:
    ours, stock = turns["ours", many], turns["stock", many]
    ticks = ratios([turn.tick for turn in ours], [turn.tick for turn in stock])
    slots = [turn.slot for turn in ours]
    growth = [
        (larger.memory - smaller.memory) / MEBIBYTE
        for larger, smaller in zip(ours, turns["ours", few], strict=True)
    ]
    return [
        Gate("idle tick, of stock's", ticks, at_most=1 / 30),
        Gate(
            "a slot, better than stock's",
            ratios([turn.slot for turn in stock], slots),
            at_least=15,
        ),
        Gate("a slot, of bare send_task's", ratios(slots, bare), at_most=5),
        Gate(
            "start, of stock's",
            ratios([turn.start for turn in ours], [turn.start for turn in stock]),
            at_most=0.3,
        ),
        Gate(
            f"memory at {many:,} above that at {few:,}",
            Spread(growth),
            at_most=2,
            unit="MiB",
        ),
    ]
