"""What becomes of slots that came due: by the policies, explained."""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import PeriodicTask

from scheduling import policy
from scheduling.models import Run, Schedule
from scheduling.policy import Decision, NotRun, decide
from scheduling.slots import Clocked, Interval, Timing

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
MINUTELY = Timing(
    rule=Interval(every=timedelta(minutes=1)), anchor=MIDNIGHT - timedelta(days=400)
)


def after(**duration: float) -> datetime:
    return MIDNIGHT + timedelta(**duration)


def decision(
    schedule: Schedule,
    *,
    now: datetime,
    timing: Timing = MINUTELY,
    task: PeriodicTask | None = None,
    at_work: str = "",
    first: datetime = MIDNIGHT,
) -> Decision:
    return decide(
        schedule,
        task or PeriodicTask(),
        timing,
        first=first,
        now=now,
        at_work=at_work,
    )


def decided_slots(decided: Decision) -> int:
    return len(decided.run) + sum(one.count for one in decided.not_run)


@pytest.mark.parametrize("catch_up", Schedule.CatchUp.values)
def test_a_slot_that_is_on_time_runs(catch_up: str) -> None:
    schedule = Schedule(catch_up=catch_up)

    decided = decision(schedule, now=after(seconds=2))

    assert decided == Decision(run=[MIDNIGHT], not_run=[], next_slot=after(minutes=1))


def test_latest_runs_in_place_of_those_before_it() -> None:
    schedule = Schedule(catch_up=Schedule.CatchUp.LATEST)

    decided = decision(schedule, now=after(minutes=2, seconds=30))

    assert decided.run == [after(minutes=2)]
    assert [one.slot for one in decided.not_run] == [MIDNIGHT, after(minutes=1)]
    assert {one.state for one in decided.not_run} == {Run.State.SKIPPED}
    assert "2026-03-01 00:02:00 UTC runs instead" in decided.not_run[0].reason
    assert decided.next_slot == after(minutes=3)


def test_all_run_each_within_the_window_and_miss_the_rest() -> None:
    schedule = Schedule(
        catch_up=Schedule.CatchUp.ALL, catch_up_window=timedelta(minutes=2)
    )

    decided = decision(schedule, now=after(minutes=4))

    assert decided.run == [after(minutes=minute) for minute in (2, 3, 4)]
    assert [one.slot for one in decided.not_run] == [MIDNIGHT, after(minutes=1)]
    assert {one.state for one in decided.not_run} == {Run.State.MISSED}
    assert decided.next_slot == after(minutes=5)


def test_all_go_on_with_the_next_turn_where_they_are_many() -> None:
    every_second = Timing(rule=Interval(every=timedelta(seconds=1)), anchor=MIDNIGHT)
    schedule = Schedule(catch_up=Schedule.CatchUp.ALL)

    decided = decision(
        schedule, timing=every_second, first=after(seconds=1), now=after(hours=1)
    )

    assert len(decided.run) == policy.RUNS_AT_ONCE
    assert decided.run[-1] == after(seconds=policy.RUNS_AT_ONCE)
    assert decided.next_slot == after(seconds=policy.RUNS_AT_ONCE + 1)


def test_skip_runs_none_that_is_late() -> None:
    schedule = Schedule(catch_up=Schedule.CatchUp.SKIP)
    hourly = Timing(rule=Interval(every=timedelta(hours=1)), anchor=MIDNIGHT)

    decided = decision(
        schedule, timing=hourly, first=after(hours=1), now=after(hours=2, minutes=5)
    )

    assert decided.run == []
    assert [one.slot for one in decided.not_run] == [after(hours=1), after(hours=2)]
    assert decided.not_run[0].reason == policy.NO_CATCH_UP
    assert decided.next_slot == after(hours=3)


def test_a_slot_beyond_the_window_is_missed_under_every_policy() -> None:
    daily = Timing(rule=Interval(every=timedelta(days=1)), anchor=MIDNIGHT)
    schedule = Schedule(catch_up_window=timedelta(hours=2))

    decided = decision(
        schedule, timing=daily, first=after(days=1), now=after(days=1, hours=3)
    )

    assert decided.run == []
    assert decided.not_run == [
        NotRun(slot=after(days=1), state=Run.State.MISSED, reason=policy.TOO_OLD)
    ]
    assert decided.next_slot == after(days=2)


def test_expire_seconds_narrow_the_window() -> None:
    task = PeriodicTask(expire_seconds=90)

    decided = decision(
        Schedule(catch_up=Schedule.CatchUp.ALL), task=task, now=after(minutes=3)
    )

    assert decided.run == [after(minutes=2), after(minutes=3)]


def test_many_slots_that_do_not_run_share_a_row_with_their_range() -> None:
    schedule = Schedule(catch_up=Schedule.CatchUp.LATEST)

    decided = decision(schedule, now=after(minutes=1000))

    assert decided_slots(decided) == 1001
    assert len(decided.not_run) == policy.ROWS_APART + 1
    shared = decided.not_run[0]
    assert (shared.slot, shared.count) == (MIDNIGHT, 900)
    assert shared.reason.startswith(
        "900 slots from 2026-03-01 00:00:00 UTC to 2026-03-01 14:59:00 UTC. "
    )
    assert decided.not_run[1].slot == after(minutes=900)


@pytest.mark.parametrize("catch_up", Schedule.CatchUp.values)
def test_a_year_of_seconds_is_written_off_without_walking_it(catch_up: str) -> None:
    secondly = Timing(rule=Interval(timedelta(seconds=1)), anchor=MIDNIGHT)
    since = datetime.now(UTC)

    decided = decision(
        Schedule(catch_up=catch_up, catch_up_window=timedelta(0)),
        timing=secondly,
        first=after(seconds=1),
        now=after(days=365),
    )

    # Minutes, if each of thirty million were looked at.
    assert datetime.now(UTC) - since < timedelta(seconds=5)
    assert decided_slots(decided) == timedelta(days=365).total_seconds()


@pytest.mark.parametrize("catch_up", Schedule.CatchUp.values)
@pytest.mark.parametrize("minutes", [0, 1, 7, 100, 101, 102, 1439, 1441, 3000])
def test_every_slot_is_decided_upon_once(catch_up: str, minutes: int) -> None:
    schedule = Schedule(catch_up=catch_up)
    first, total = MIDNIGHT, 0

    while first <= after(minutes=minutes):
        decided = decision(schedule, first=first, now=after(minutes=minutes))
        total += decided_slots(decided)
        assert decided.next_slot is not None
        first = decided.next_slot

    assert total == minutes + 1
    assert first == after(minutes=minutes + 1)


def test_a_run_at_work_skips_the_slot_and_is_named() -> None:
    schedule = Schedule(overlap=Schedule.Overlap.SKIP)

    decided = decision(schedule, now=MIDNIGHT, at_work="That of 23:59 had not ended.")

    assert decided.run == []
    assert decided.not_run[0].reason == "That of 23:59 had not ended."
    assert decided.next_slot == after(minutes=1)


def test_slots_of_an_outage_that_are_all_caught_up_do_not_skip_each_other() -> None:
    schedule = Schedule(catch_up=Schedule.CatchUp.ALL, overlap=Schedule.Overlap.SKIP)
    now = after(minutes=policy.RUNS_AT_ONCE + 4)

    first = decision(schedule, now=now)
    assert first.next_slot is not None
    rest = decision(schedule, first=first.next_slot, now=now, at_work="At work.")

    assert len(first.run) == policy.RUNS_AT_ONCE
    assert len(rest.run) == 3
    # These two are on time.
    assert [one.reason for one in rest.not_run] == ["At work."] * 2


@pytest.mark.parametrize("overlap", [Schedule.Overlap.QUEUE, Schedule.Overlap.ALLOW])
def test_other_overlaps_do_not_skip(overlap: Schedule.Overlap) -> None:
    decided = decision(Schedule(overlap=overlap), now=MIDNIGHT, at_work="At work.")

    assert decided.run == [MIDNIGHT]


def test_a_clocked_time_has_no_next() -> None:
    once = Timing(rule=Clocked(at=MIDNIGHT), anchor=MIDNIGHT - timedelta(days=1))

    decided = decision(Schedule(), timing=once, now=after(minutes=5))

    assert decided == Decision(run=[MIDNIGHT], not_run=[], next_slot=None)


def test_a_one_off_interval_runs_its_first_slot_alone() -> None:
    once = Timing(
        rule=Interval(every=timedelta(minutes=1)), anchor=MIDNIGHT, one_off=True
    )

    decided = decision(
        Schedule(), timing=once, first=after(minutes=1), now=after(minutes=9)
    )

    assert decided.run == [after(minutes=1)]
    assert decided.not_run == []


def test_jitter_is_the_same_for_a_slot_and_within_its_bound() -> None:
    schedule = Schedule(pk=7, jitter=timedelta(minutes=10))
    slots = [after(days=day) for day in range(50)]

    delays = [
        policy.ring_after(schedule, PeriodicTask(), slot) - slot for slot in slots
    ]

    assert delays == [
        policy.ring_after(schedule, PeriodicTask(), slot) - slot for slot in slots
    ]
    assert all(timedelta(0) <= delay < timedelta(minutes=10) for delay in delays)
    assert len(set(delays)) == 50


def test_jitter_carries_no_run_beyond_the_end_of_its_schedule() -> None:
    schedule = Schedule(pk=7, jitter=timedelta(hours=12))
    ending = PeriodicTask(expires=after(days=50))
    slots = [after(days=49, hours=23, minutes=minute) for minute in range(60)]

    starts = [policy.ring_after(schedule, ending, slot) for slot in slots]

    assert all(start < after(days=50) for start in starts)
    assert len(set(starts)) == 60


def test_without_jitter_a_run_may_start_at_its_slot() -> None:
    assert policy.ring_after(Schedule(pk=7), PeriodicTask(), MIDNIGHT) == MIDNIGHT


def test_deadline_is_the_window_or_the_end_of_the_schedule() -> None:
    schedule = Schedule(pk=7, catch_up_window=timedelta(hours=2))
    ending = PeriodicTask(expires=after(hours=1))

    assert policy.deadline(schedule, PeriodicTask(), MIDNIGHT) == after(hours=2)
    assert policy.deadline(schedule, ending, MIDNIGHT) == after(hours=1)
