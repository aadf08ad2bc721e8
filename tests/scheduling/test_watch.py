"""The watch holds calendar, rows and heartbeats against each other."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from scheduling.changes import THE_CLOCK, mark_unseen_tasks
from scheduling.clock import database_now
from scheduling.gaps import SCHEDULES_A_TURN, TURN
from scheduling.models import Heartbeat, Incident, Run, Schedule, ScheduleChange
from scheduling.watch import Watch, findings_at, turn
from tests.scheduling.factories import TASK
from tests.scheduling.schedules import follow_all
from tests.scheduling.watching import (
    MINUTE,
    age_the_installation,
    all_alive,
    found,
    open_kinds,
    run,
    schedule,
    schedules,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _all_is_well() -> None:
    """Have the seeded schedules taken up, however long ago the tests began."""
    mark_unseen_tasks()
    follow_all()
    all_alive()


def change(one: Schedule, **fields: Any) -> None:
    Schedule.objects.filter(pk=one.pk).update(**fields)


def test_nothing_is_wrong_where_every_slot_has_its_run() -> None:
    schedule()

    assert found() == {}


# Processes


@pytest.mark.parametrize(
    ("process", "kind"), [("beat", "no_beat"), ("worker", "no_worker")]
)
def test_process_unseen_for_a_minute_is_told(process: str, kind: str) -> None:
    seen = Heartbeat.objects.filter(kind=process)

    seen.update(seen_at=database_now() - timedelta(seconds=50))
    assert found() == {}
    seen.update(seen_at=database_now() - timedelta(seconds=61))
    assert found() == {THE_CLOCK: [kind]}


def test_one_beat_alive_among_dead_ones_is_enough() -> None:
    now = database_now()
    Heartbeat.objects.create(
        kind="beat", name="gone", started_at=now, seen_at=now - timedelta(hours=1)
    )

    assert found() == {}


def test_new_installation_has_some_minutes_to_start() -> None:
    Heartbeat.objects.filter(kind="beat").delete()

    age_the_installation(timedelta(minutes=4))
    assert found() == {}
    age_the_installation(timedelta(minutes=6))
    assert found() == {THE_CLOCK: ["no_beat"]}


def test_dead_beat_says_what_is_overdue() -> None:
    late = schedule()
    change(late, next_slot=database_now() - MINUTE)
    Heartbeat.objects.filter(kind="beat").update(seen_at=database_now() - 2 * MINUTE)

    (finding,) = findings_at(database_now())

    assert "1 schedule overdue" in finding.message
    assert (finding.task_id, finding.owner_email) == (None, "")


# Slots


def test_slot_is_late_when_alert_after_has_passed() -> None:
    late = schedule(alert_after=timedelta(minutes=2))
    name = late.periodic_task.name
    now = database_now()

    change(late, next_slot=now - timedelta(seconds=119))
    assert found(now) == {}
    change(late, next_slot=now - timedelta(seconds=120))
    assert found(now) == {name: ["late"]}
    change(late, alert_after=None)
    assert found(now) == {}


@pytest.mark.parametrize("how", ["paused", "switched off"])
def test_what_staff_set_aside_is_no_trouble(how: str) -> None:
    one = schedule()
    now = database_now()
    run(one, state=Run.State.FAILED)
    change(one, next_slot=now - timedelta(hours=1))
    assert found(now) == {one.periodic_task.name: ["late", "failed"]}

    if how == "paused":
        change(one, paused_at=now, paused_by="anna", pause_reason="Stocktaking")
    else:
        PeriodicTask.objects.filter(pk=one.pk).update(enabled=False)

    assert found(now) == {}


def test_pause_that_should_be_over_is_late() -> None:
    one = schedule()
    now = database_now()
    change(
        one,
        next_slot=now - timedelta(hours=1),
        paused_at=now - timedelta(hours=2),
        paused_until=now - timedelta(hours=1),
        paused_by="anna",
        pause_reason="Stocktaking",
    )

    assert found(now) == {one.periodic_task.name: ["late"]}


def test_slot_without_a_row_is_found_after_its_grace() -> None:
    one = schedule()
    assert one.next_slot
    gone = one.next_slot - timedelta(minutes=10)
    Run.objects.filter(slot=gone).delete()
    all_alive(now=gone + timedelta(minutes=3))

    assert found(gone + timedelta(minutes=2, seconds=59)) == {}
    (finding,) = findings_at(gone + timedelta(minutes=3, seconds=1))

    assert (finding.kind, finding.task_id) == (Incident.Kind.LATE, one.pk)
    assert "1 slot passed over" in finding.message


def test_slots_from_before_an_edit_are_not_expected() -> None:
    one = schedule()
    assert one.next_slot
    slot = one.next_slot - timedelta(minutes=20)
    Run.objects.filter(slot=slot).delete()
    assert found() == {one.periodic_task.name: ["late"]}

    change(one, changed_at=slot)

    assert found() == {}


def test_definition_that_beat_has_not_read_is_not_held_against_it() -> None:
    one = schedule()
    Run.objects.all().delete()
    assert found() == {one.periodic_task.name: ["late"]}

    change(one, fingerprint="of an earlier definition")

    assert found() == {}


def test_one_row_that_stands_for_many_slots_accounts_for_them() -> None:
    one = schedule()
    assert one.next_slot
    missing = [one.next_slot - n * timedelta(minutes=10) for n in (4, 3, 2)]
    Run.objects.filter(slot__in=missing).delete()
    assert found() == {one.periodic_task.name: ["late"]}

    run(
        one,
        slot=missing[0],
        slots_missed=3,
        state=Run.State.SKIPPED,
        created_at=missing[-1] + MINUTE,
        finished_at=missing[-1] + MINUTE,
    )

    assert found() == {}


def test_every_schedule_has_its_turn_and_a_suspect_stays_one() -> None:
    many = schedules(2 * SCHEDULES_A_TURN + 1)
    now = database_now() + timedelta(minutes=5)
    names = {one.periodic_task.name for one in many}
    all_alive(now=now)

    first = set(found(now))
    told = [Incident.objects.create(**open_late(one, now)) for one in many[:3]]
    turns = [set(found(now + n * TURN)) for n in range(3)]

    assert 0 < len(first & names) <= SCHEDULES_A_TURN
    assert names <= set().union(*turns)
    for subjects in turns:
        assert {one.subject for one in told} <= subjects


def open_late(one: Schedule, now: datetime) -> dict[str, Any]:
    return {
        "kind": "late",
        "subject": one.periodic_task.name,
        "periodic_task_id": one.pk,
        "opened_at": now,
        "seen_at": now,
        "mail_after": now,
    }


def test_task_that_the_clock_never_took_up_cannot_run() -> None:
    now = database_now()
    (task,) = PeriodicTask.objects.bulk_create([PeriodicTask(name="Stray", task=TASK)])
    PeriodicTask.objects.update(date_changed=now - timedelta(hours=1))
    markers = ScheduleChange.objects.filter(row_id=task.pk, kind="task")

    assert "Stray" not in found(now)
    markers.update(changed_at=now - timedelta(minutes=4))
    assert found(now)["Stray"] == ["broken"]


@pytest.mark.parametrize("by", ["The clock", "The clock, after failures"])
def test_schedule_that_the_clock_stopped_is_broken(by: str) -> None:
    one = schedule(owner_email="anna@example.org")
    change(
        one,
        next_slot=None,
        paused_at=database_now(),
        paused_by=by,
        pause_reason="No such task.",
    )

    (finding,) = findings_at(database_now())

    assert (finding.kind, finding.message) == (Incident.Kind.BROKEN, "No such task.")
    assert finding.owner_email == "anna@example.org"


# Runs


@pytest.mark.parametrize("state", ["pending", "queued"])
def test_run_that_does_not_start_is_stuck_after_alert_after(state: str) -> None:
    one = schedule(alert_after=timedelta(minutes=15), jitter=timedelta(minutes=5))
    now = database_now()
    waiting = run(one, state=state, slot=now - timedelta(minutes=19))

    assert found(now) == {}
    Run.objects.filter(pk=waiting.pk).update(slot=now - timedelta(minutes=20))
    assert found(now) == {one.periodic_task.name: ["stuck"]}


def test_run_that_its_task_put_off_waits_on_purpose() -> None:
    one = schedule()
    now = database_now()
    put_off = run(
        one,
        state=Run.State.PENDING,
        attempts=1,
        slot=now - timedelta(hours=1),
        started_at=now - timedelta(minutes=59),
        ring_after=now + timedelta(minutes=10),
    )

    assert found(now) == {}
    Run.objects.filter(pk=put_off.pk).update(ring_after=now)
    assert found(now) == {one.periodic_task.name: ["stuck"]}


def test_running_run_is_stuck_when_its_lease_is_long_out() -> None:
    one = schedule()
    now = database_now()
    slot = now - timedelta(minutes=30)
    leased = run(one, state=Run.State.RUNNING, slot=slot, lease_until=now - MINUTE)

    assert found(now) == {}
    Run.objects.filter(pk=leased.pk).update(lease_until=now - timedelta(minutes=4))
    assert found(now) == {one.periodic_task.name: ["stuck"]}


@pytest.mark.parametrize("state", ["failed", "lost", "missed"])
def test_bad_end_stands_until_the_next_success(state: str) -> None:
    one = schedule()
    now = database_now()
    name = one.periodic_task.name
    run(one, state=state, created_at=now, error="ValueError: 7\nsecond line")

    (finding,) = findings_at(now)
    assert (finding.kind.value, finding.subject) == (state, name)
    assert "second line" not in finding.message
    run(one, state=Run.State.RUNNING, created_at=now + MINUTE, lease_until=now + MINUTE)
    assert found(now) == {name: [state]}
    Run.objects.filter(state="running").update(
        state="succeeded", finished_at=now + MINUTE
    )
    assert found(now) == {}


def test_retry_that_succeeds_mends_what_failed() -> None:
    one = schedule()
    now = database_now()
    failed = run(one, state=Run.State.FAILED, slot=now, error="ValueError: 7")
    assert found(now) == {one.periodic_task.name: ["failed"]}

    run(
        one,
        trigger=Run.Trigger.RETRY,
        retry_of=failed,
        created_at=now + timedelta(seconds=1),
    )

    assert found(now) == {}


def test_skipped_slot_mends_nothing() -> None:
    one = schedule()
    now = database_now()
    run(one, state=Run.State.FAILED, created_at=now - MINUTE)

    run(one, state=Run.State.SKIPPED, created_at=now)

    assert found(now) == {one.periodic_task.name: ["failed"]}


def test_missed_slot_is_not_told_while_it_is_caught_up() -> None:
    one = schedule()
    now = database_now()
    name = one.periodic_task.name
    run(one, state=Run.State.MISSED, slot=now - 5 * MINUTE, created_at=now)
    assert found(now) == {name: ["missed"]}

    caught_up = run(
        one, state=Run.State.PENDING, slot=now, trigger=Run.Trigger.CATCH_UP
    )
    assert found(now) == {}
    Run.objects.filter(pk=caught_up.pk).update(state="failed", finished_at=now)
    assert found(now) == {name: ["failed"]}


# A turn


def test_turn_opens_and_closes() -> None:
    one = schedule()
    failed = run(one, state=Run.State.FAILED)

    turn()
    assert open_kinds() == [("failed", one.periodic_task.name)]
    Run.objects.filter(pk=failed.pk).update(state="succeeded")
    turn()

    assert open_kinds() == []
    assert Incident.objects.get().message.endswith("A later run has succeeded.")


def test_what_follows_from_a_dead_beat_is_not_told_beside_it() -> None:
    known, new = schedule(), schedule()
    change(known, next_slot=database_now() - timedelta(hours=1))
    turn()
    beat = Heartbeat.objects.filter(kind="beat")

    beat.update(seen_at=database_now() - 2 * MINUTE)
    change(new, next_slot=database_now() - timedelta(hours=1))
    turn()
    dead = open_kinds()
    beat.update(seen_at=database_now())
    turn()

    late = [("late", known.periodic_task.name)]
    assert dead == [*late, ("no_beat", THE_CLOCK)]
    # Back again, it has a moment to work off what waited.
    assert open_kinds() == late


def unseen_for(seconds: int, *kinds: str) -> None:
    """Let it be so long ago that beats and workers, or these alone, were seen."""
    seen_at = database_now() - timedelta(seconds=seconds)
    which = Heartbeat.objects.filter(kind__in=kinds or Heartbeat.Kind.values)
    which.update(seen_at=seen_at)


def test_watch_that_has_just_begun_gives_the_others_time_to_start() -> None:
    age_the_installation(timedelta(days=1))
    unseen_for(75)
    Heartbeat.objects.filter(kind="worker").delete()

    turn(watching_for=timedelta(seconds=59))
    soon = open_kinds()
    turn(watching_for=timedelta(seconds=61))

    assert soon == []
    assert open_kinds() == [("no_beat", THE_CLOCK), ("no_worker", THE_CLOCK)]


def test_watch_that_has_just_begun_does_not_take_back_what_another_said() -> None:
    unseen_for(75, "worker")
    turn()

    turn(watching_for=timedelta(seconds=1))

    assert open_kinds() == [("no_worker", THE_CLOCK)]


def test_watch_that_is_always_new_tells_of_a_dead_worker_in_the_end() -> None:
    unseen_for(299, "worker")
    turn(watching_for=timedelta(seconds=1))
    before = open_kinds()

    unseen_for(301, "worker")
    turn(watching_for=timedelta(seconds=1))

    assert before == []
    assert open_kinds() == [("no_worker", THE_CLOCK)]


def test_watch_begins_anew_when_it_could_not_look() -> None:
    watch = watching_for_an_hour()
    unseen_for(75)

    with pytest.raises(DatabaseError):
        look_without_the_database(watch)
    watch.turn()
    after_an_outage = open_kinds()
    watching_for_an_hour().turn()

    assert after_an_outage == []
    assert open_kinds() == [("no_beat", THE_CLOCK), ("no_worker", THE_CLOCK)]


def watching_for_an_hour() -> Watch:
    watch = Watch()
    watch._since -= 3600
    return watch


@transaction.atomic
def look_without_the_database(watch: Watch) -> None:
    with connection.cursor() as cursor, suppress(DatabaseError):
        cursor.execute("SELECT 1 / 0")
    # Until the end of the transaction, whose error this was, no other statement works.
    watch.turn()


def test_turn_costs_as_many_queries_with_many_schedules(
    django_assert_max_num_queries: Any,
) -> None:
    schedules(3)
    with CaptureQueriesContext(connection) as few:
        findings_at(database_now())

    for one in schedules(600):
        run(one, state=Run.State.FAILED)
    with django_assert_max_num_queries(len(few)):
        findings = findings_at(database_now())

    assert len(findings) >= 600
    assert len(few) <= 16
