"""What is counted after each fault of the clock finds what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django_celery_beat.models import PeriodicTask

from scheduling.models import Run
from tests.faults.clock import SECOND, Body, account, one_at_a_time, slots_between
from tests.scheduling.schedules import every, ran

pytestmark = pytest.mark.django_db


FIRST = datetime(2026, 8, 31, 22, 0, tzinfo=UTC)
SLOTS = slots_between(FIRST, SECOND, FIRST + 2 * SECOND)


@pytest.fixture
def task() -> PeriodicTask:
    """Make a schedule whose three slots, a second apart, all ran well."""
    task = every(10)
    for slot in SLOTS:
        ran(task, at=slot)
    return task


def traced() -> list[Body]:
    """Return the bodies that all runs tell of."""
    return [
        Body(str(run.pk), "1", run.slot.isoformat(), 2 * number, 2 * number + 1)
        for number, run in enumerate(Run.objects.order_by("slot"))
        if run.slot
    ]


def test_slots_that_all_ran_are_counted(task: PeriodicTask) -> None:
    assert account(task, SLOTS, traced()) == {"succeeded": 3}
    assert one_at_a_time(task, traced())


def test_row_that_stands_for_slots_not_run_counts_for_each_of_them(
    task: PeriodicTask,
) -> None:
    Run.objects.exclude(slot=FIRST).delete()
    Run.objects.update(state="missed", attempts=0, reason="All away.", slots_missed=3)

    assert account(task, SLOTS, []) == {"missed": 3}


DAMAGE: dict[str, Callable[[list[Run]], object]] = {
    "slots without a row": lambda runs: runs[1].delete(),
    "rows without a slot": lambda runs: change(runs[2], slot=FIRST + 3 * SECOND),
    "slots with two rows": lambda runs: change(
        runs[0], state="missed", attempts=0, reason="Late.", slots_missed=2
    ),
    "left open": lambda runs: change(
        runs[0], state="pending", finished_at=None, ring_after=FIRST
    ),
    "bodies amiss": lambda runs: change(
        runs[0], state="skipped", attempts=0, reason="Another was at work."
    ),
}


def change(run: Run, **values: object) -> None:
    Run.objects.filter(pk=run.pk).update(**values)


@pytest.mark.parametrize("found", DAMAGE)
def test_what_is_missing_or_amiss_is_found(task: PeriodicTask, found: str) -> None:
    bodies = traced()

    DAMAGE[found](list(Run.objects.order_by("slot")))

    with pytest.raises(AssertionError, match=found):
        account(task, SLOTS, bodies)


def doubled(bodies: list[Body]) -> list[Body]:
    return [*bodies, replace(bodies[0], began=10, ended=11)]


def unfinished(bodies: list[Body]) -> list[Body]:
    return [replace(bodies[0], ended=None), *bodies[1:]]


def of_another_slot(bodies: list[Body]) -> list[Body]:
    return [replace(bodies[0], slot=bodies[1].slot), *bodies[1:]]


@pytest.mark.parametrize("damage", [doubled, unfinished, of_another_slot])
def test_body_that_its_run_does_not_tell_of_is_found(
    task: PeriodicTask, damage: Callable[[list[Body]], list[Body]]
) -> None:
    with pytest.raises(AssertionError, match="bodies amiss"):
        account(task, SLOTS, damage(traced()))


def test_bodies_beside_each_other_are_found(task: PeriodicTask) -> None:
    first, second, third = traced()
    beside = replace(first, ended=second.began + 1)

    with pytest.raises(AssertionError, match=second.run):
        one_at_a_time(task, [beside, second, third])
