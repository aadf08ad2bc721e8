"""Pausing keeps slots from coming due; what it kept from running is written down."""

from datetime import datetime, timedelta

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from scheduling import changes
from scheduling.changes import THE_CLOCK
from scheduling.clock import database_now
from scheduling.dispatch import dispatch_due
from scheduling.exceptions import InvalidPause
from scheduling.models import Run, Schedule
from scheduling.pausing import pause, resume
from tests.scheduling.schedules import (
    clock_of,
    daily,
    every,
    follow_all,
    leave_due,
    long_ago,
    unseen,
    waits,
)

pytestmark = pytest.mark.django_db


def paused_for(task: PeriodicTask, duration: timedelta, **fields: object) -> None:
    """Make a pause of anna's that began so long ago."""
    since = database_now() - duration
    long_ago(task)
    Schedule.objects.filter(pk=task.pk).update(
        **{
            "paused_at": since,
            "paused_by": "anna",
            "pause_reason": "Stocktaking.",
            "next_slot": None,
        }
        | fields
    )


def test_a_paused_schedule_has_no_next_slot_and_says_who_and_why() -> None:
    task = every(10)

    outcome = pause([task.pk], by="anna", reason=" Stocktaking ")

    clock = clock_of(task)
    assert [schedule.pk for schedule in outcome.changed] == [task.pk]
    assert clock.next_slot is None
    assert (clock.paused_by, clock.pause_reason) == ("anna", "Stocktaking")
    assert clock.paused_until is None
    assert not Run.objects.exists()


def test_a_pause_with_an_end_has_the_first_slot_from_there_on_as_its_next() -> None:
    task = every(10)
    long_ago(task)
    grid = clock_of(task).anchor
    until = grid + timedelta(days=2)

    pause([task.pk], by="anna", reason="Stocktaking", until=until)

    assert clock_of(task).next_slot == until


def test_a_slot_that_was_due_and_not_sent_becomes_a_missed_run() -> None:
    task = every(10)
    due = leave_due(task)

    pause([task.pk], by="anna", reason="Stocktaking")

    run = Run.objects.get()
    assert (run.state, run.slot, run.slots_missed) == ("missed", due, 3)
    assert "3 slots" in run.reason
    assert "anna paused the schedule: Stocktaking" in run.reason


def test_a_run_that_waits_is_left_alone_by_a_pause() -> None:
    task = every(10)
    run = waits(task)

    pause([task.pk], by="anna", reason="Stocktaking")

    run.refresh_from_db()
    assert run.state == Run.State.PENDING


def test_nothing_comes_due_while_it_is_paused_even_after_an_edit() -> None:
    task = every(10)
    pause([task.pk], by="anna", reason="Stocktaking")

    task.interval.every = 1
    task.interval.save()
    follow_all()

    assert clock_of(task).next_slot is None
    assert clock_of(task).paused_by == "anna"
    assert dispatch_due() == 0


def test_pausing_a_paused_schedule_is_refused_with_who_paused_it() -> None:
    task, other = every(10), every(10)
    pause([task.pk], by="anna", reason="Stocktaking")

    outcome = pause([task.pk, other.pk], by="ben", reason="Me too")

    assert "paused already, by anna: Stocktaking" in str(outcome.refused[task.pk])
    assert [schedule.pk for schedule in outcome.changed] == [other.pk]
    assert clock_of(task).paused_by == "anna"


def test_a_pause_that_is_over_may_be_followed_by_another() -> None:
    task = every(10)
    over = database_now() - timedelta(minutes=1)
    paused_for(task, timedelta(minutes=32), paused_until=over)

    outcome = pause([task.pk], by="ben", reason="Again")

    run = Run.objects.get()
    assert outcome.refused == {}
    assert clock_of(task).paused_by == "ben"
    assert run.state == Run.State.SKIPPED
    assert run.reason.startswith("Paused by anna: Stocktaking. 3 slots from ")


def test_a_pause_that_outlasts_its_schedule_is_ended_and_accounted_for() -> None:
    now = database_now()
    task = every(10, expires=now - timedelta(minutes=12))
    over = {"paused_until": now - timedelta(seconds=1)}
    paused_for(task, timedelta(minutes=32), **over)
    lasting = every(10)
    paused_for(lasting, timedelta(minutes=32))

    assert changes.end_pauses() == 1

    run = Run.objects.get()
    assert (run.periodic_task, run.state, run.slots_missed) == (task, "skipped", 2)
    assert not clock_of(task).is_paused
    assert clock_of(task).next_slot is None
    assert clock_of(lasting).is_paused


def test_a_pause_that_saw_its_schedule_broken_and_mended_leads_to_the_next_slot() -> (
    None
):
    task = every(10)
    break_while_paused(task)
    PeriodicTask.objects.filter(pk=task.pk).update(kwargs="{}")
    follow_all()
    over_since = let_the_pause_be_over(task)

    changes.end_pauses()

    clock = clock_of(task)
    assert not clock.is_paused
    assert clock.next_slot
    assert over_since <= clock.next_slot < over_since + timedelta(minutes=10)


def test_a_pause_that_saw_its_schedule_broken_goes_over_into_the_clocks() -> None:
    task = every(10)
    break_while_paused(task)
    over_since = let_the_pause_be_over(task)

    changes.end_pauses()
    broken = clock_of(task)
    PeriodicTask.objects.filter(pk=task.pk).update(kwargs="{}")
    follow_all()

    assert (broken.paused_by, broken.next_slot) == (changes.THE_CLOCK, None)
    assert "kwargs" in broken.pause_reason
    of_the_break = Run.objects.latest("slot")
    assert of_the_break.reason.startswith("Paused by The clock: ")
    assert of_the_break.slot
    assert of_the_break.slot < over_since + timedelta(minutes=10)
    assert of_the_break.slots_missed == 2


def break_while_paused(task: PeriodicTask) -> None:
    """Have a schedule's arguments broken in a pause that has an end."""
    long_ago(task)
    until = database_now() + timedelta(hours=1)
    pause([task.pk], by="anna", reason="Stocktaking", until=until)
    PeriodicTask.objects.filter(pk=task.pk).update(kwargs="{")
    follow_all()


def let_the_pause_be_over(task: PeriodicTask) -> datetime:
    """Let a pause with all that came in it be over for twenty minutes; return when."""
    ended_at = database_now() - timedelta(minutes=20)
    began_at = ended_at - timedelta(minutes=10)
    Schedule.objects.filter(pk=task.pk).update(
        paused_at=began_at, changed_at=began_at, paused_until=ended_at
    )
    return ended_at


def test_the_slot_on_which_a_pause_ends_is_no_longer_in_it() -> None:
    task = every(10)
    long_ago(task)
    now = database_now()
    since_a_slot = (now - clock_of(task).anchor) % timedelta(minutes=10)
    paused_for(
        task,
        timedelta(minutes=32),
        anchor=clock_of(task).anchor,
        paused_until=now - since_a_slot,
    )

    pause([task.pk], by="ben", reason="Again")

    assert Run.objects.get().slots_missed == 2


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 1001])
def test_a_pause_without_a_reason_or_with_a_novel_is_refused(reason: str) -> None:
    task = every(10)

    with pytest.raises(InvalidPause) as refusal:
        pause([task.pk], by="anna", reason=reason)

    assert refusal.value.field == "reason"
    assert not clock_of(task).is_paused


def test_a_pause_that_ends_in_the_past_is_refused() -> None:
    task = every(10)

    with pytest.raises(InvalidPause) as refusal:
        pause([task.pk], by="anna", reason="Stocktaking", until=database_now())

    assert refusal.value.field == "until"
    assert not clock_of(task).is_paused


def test_a_schedule_that_no_beat_has_seen_can_be_paused_and_stays_so() -> None:
    task = unseen()

    pause([task.pk], by="anna", reason="Not yet")
    follow_all()

    assert clock_of(task).paused_by == "anna"
    assert clock_of(task).next_slot is None


def test_a_schedule_that_is_gone_is_refused_and_takes_no_other_with_it() -> None:
    task = every(10)

    outcome = pause([task.pk, 10**9], by="anna", reason="Stocktaking")

    assert "no such schedule" in str(outcome.refused[10**9])
    assert [schedule.pk for schedule in outcome.changed] == [task.pk]


def test_resuming_runs_nothing_and_goes_on_with_the_slot_after_now() -> None:
    task = every(10)
    paused_for(task, timedelta(minutes=32))

    outcome = resume([task.pk], by="ben")

    now = database_now()
    clock = clock_of(task)
    assert outcome.refused == {}
    assert not clock.is_paused
    assert clock.pause_reason == ""
    assert clock.next_slot is not None
    assert now < clock.next_slot <= now + timedelta(minutes=10)
    assert not Run.objects.open().exists()


def test_the_slots_of_the_pause_become_one_skipped_run_that_says_why() -> None:
    task = every(10)
    paused_for(task, timedelta(minutes=32))
    since = clock_of(task).paused_at
    assert since is not None

    resume([task.pk], by="ben")

    run = Run.objects.get()
    assert (run.state, run.trigger, run.slots_missed) == ("skipped", "schedule", 3)
    assert run.slot is not None
    assert since < run.slot <= since + timedelta(minutes=10)
    assert run.reason.startswith("Paused by anna: Stocktaking. 3 slots from ")


def test_a_pause_in_which_no_slot_passed_leaves_no_run() -> None:
    task = daily()
    pause([task.pk], by="anna", reason="Stocktaking")

    resume([task.pk], by="anna")

    assert clock_of(task).next_slot is not None
    assert not Run.objects.exists()


def test_slots_from_before_an_edit_in_the_pause_are_not_counted() -> None:
    task = every(10)
    edited = database_now() - timedelta(minutes=18)
    paused_for(task, timedelta(hours=5), changed_at=edited)

    resume([task.pk], by="ben")

    assert Run.objects.get().slots_missed == 2


def test_resuming_what_is_not_paused_is_refused() -> None:
    task = every(10)
    before = clock_of(task).next_slot

    outcome = resume([task.pk], by="anna")

    assert "is not paused" in str(outcome.refused[task.pk])
    assert clock_of(task).next_slot == before


def test_what_cannot_run_is_not_resumed_until_it_is_mended() -> None:
    crontab = CrontabSchedule.objects.create(minute="0", hour="0")
    task = PeriodicTask.objects.create(name="Bad", task="no.such", crontab=crontab)
    follow_all()

    outcome = resume([task.pk], by="anna")

    assert clock_of(task).paused_by == THE_CLOCK
    assert "“Bad” cannot run." in str(outcome.refused[task.pk])


def test_a_disabled_schedule_can_be_resumed_and_stays_disabled() -> None:
    task = every(10, enabled=False)
    paused_for(task, timedelta(minutes=32))

    outcome = resume([task.pk], by="anna")

    assert outcome.refused == {}
    assert clock_of(task).next_slot is None
    assert not Run.objects.exists()


def test_many_are_paused_and_resumed_in_as_many_queries_as_few(
    django_assert_max_num_queries: object,
) -> None:
    tasks = [every(10) for _ in range(30)]
    keys = [task.pk for task in tasks]

    with django_assert_max_num_queries(9):  # type: ignore[operator] # pytest-django's
        pause(keys, by="anna", reason="Stocktaking")
    with django_assert_max_num_queries(9):  # type: ignore[operator] # as above
        resume(keys, by="anna")

    assert not Schedule.objects.filter(paused_at__isnull=False).exists()
