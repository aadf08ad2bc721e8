"""Two minutes of beats that are killed: `make faults-full`, not `make test`."""

from __future__ import annotations

import pytest

from tests.faults.clock import (
    Clock,
    each_ran,
    kill_and_replace,
    one_at_a_time,
    reaches,
    ring_now,
    stop,
)
from tests.scheduling.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_three_beats_of_which_one_is_killed_every_ten_seconds_for_two_minutes(
    clock: Clock,
) -> None:
    clock.worker()
    for _ in range(3):
        clock.beat()
    queued = clock.series(catch_up="all", overlap="queue")
    beside = clock.series(catch_up="all", overlap="allow")
    until(reaches(queued.task, "succeeded"), seconds=60)

    kill_and_replace(clock, seconds=120, every=10)

    ring_now()
    stop(queued, beside)
    bodies = clock.bodies()
    assert len(queued.slots) > 120
    assert each_ran(queued, bodies)
    assert each_ran(beside, bodies)
    assert one_at_a_time(queued.task, bodies)
