"""Runs by hand: written down once, whatever is clicked how often."""

from uuid import uuid4

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from scheduling.exceptions import AlreadyRequested, Refusal
from scheduling.manual import cancel, retry, run_now
from scheduling.models import Run, Schedule
from scheduling.pausing import pause
from tests.scheduling.schedules import clock_of, every, ran, unseen, waits

pytestmark = pytest.mark.django_db

SWEEP = "orders.tasks.auto_close_old_orders"


def end(run: Run, state: str) -> None:
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(
        state=state, started_at=now, finished_at=now, attempts=1, reason="It ended so."
    )


def test_running_now_writes_a_run_that_beat_will_ring_for() -> None:
    task = every(10)
    next_slot = clock_of(task).next_slot

    run = run_now(task, by="anna")

    run.refresh_from_db()
    assert (run.state, run.trigger, run.slot) == ("pending", "manual", None)
    assert run.ring_after is not None
    assert run.ring_after <= timezone.now()
    assert (run.periodic_task, run.name, run.task) == (task, task.name, task.task)
    assert run.requested_by == "anna"
    assert run.deadline is None
    assert clock_of(task).next_slot == next_slot


def test_a_run_by_hand_takes_the_arguments_of_its_schedule() -> None:
    task = every(10, task=SWEEP, kwargs='{"limit": 10}')

    run = run_now(task, by="anna")

    assert (run.args, run.kwargs) == ([], {"limit": 10})


@pytest.mark.parametrize(("overlap", "exclusive"), [("skip", True), ("allow", False)])
def test_a_run_by_hand_keeps_to_the_policy_on_overlap(
    overlap: str, *, exclusive: bool
) -> None:
    task = every(10)
    Schedule.objects.filter(pk=task.pk).update(overlap=overlap)

    assert run_now(task, by="anna").exclusive is exclusive


def test_a_second_click_while_it_waits_finds_the_first_run() -> None:
    task = every(10)
    first = run_now(task, by="anna")

    with pytest.raises(AlreadyRequested, match="already requested by anna") as refusal:
        run_now(task, by="ben")

    assert refusal.value.run == first
    assert Run.objects.count() == 1


def test_a_second_click_on_one_page_finds_the_first_run_though_it_has_ended() -> None:
    task = every(10)
    page = uuid4()
    end(run_now(task, by="anna", run_id=page), "succeeded")

    with pytest.raises(AlreadyRequested, match="has ended: Succeeded"):
        run_now(task, by="anna", run_id=page)

    assert Run.objects.count() == 1


def test_the_next_page_runs_it_once_more() -> None:
    task = every(10)
    end(run_now(task, by="anna", run_id=uuid4()), "succeeded")

    run_now(task, by="anna", run_id=uuid4())

    assert Run.objects.count() == 2


def test_a_run_by_hand_may_wait_beside_one_of_a_slot() -> None:
    task = every(10)
    waits(task, trigger="schedule", slot=timezone.now())

    run_now(task, by="anna")

    assert Run.objects.open().count() == 2


@pytest.mark.parametrize("stopped", ["paused", "disabled", "unseen"])
def test_neither_a_pause_nor_the_switch_is_in_the_way(stopped: str) -> None:
    task = unseen() if stopped == "unseen" else every(10, enabled=stopped == "paused")
    if stopped == "paused":
        pause([task.pk], by="ben", reason="Stocktaking")

    run_now(task, by="anna")

    assert Run.objects.get().state == Run.State.PENDING


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "os.system"},
        {"task": SWEEP, "kwargs": '{"limit": "many"}'},
        {"kwargs": "[1]"},
    ],
)
def test_what_could_not_run_is_refused(fields: dict[str, str]) -> None:
    task = every(10, **fields)

    with pytest.raises(Refusal, match="cannot run"):
        run_now(task, by="anna")

    assert not Run.objects.exists()


def test_a_schedule_that_is_gone_cannot_be_run() -> None:
    with pytest.raises(Refusal, match="no such schedule"):
        run_now(PeriodicTask(pk=10**9), by="anna")


@pytest.mark.parametrize("state", ["failed", "lost"])
def test_a_retry_takes_the_arguments_that_the_run_had(state: str) -> None:
    task = every(10, task=SWEEP, kwargs='{"limit": 10}')
    failed = ran(task, state, kwargs={"limit": 3})

    again = retry(failed, by="anna")

    assert (again.trigger, again.slot, again.retry_of) == ("retry", None, failed)
    assert again.kwargs == {"limit": 3}
    assert (again.state, again.requested_by) == ("pending", "anna")


@pytest.mark.parametrize("state", ["missed", "skipped"])
def test_what_never_started_is_retried_as_the_schedule_says_now(state: str) -> None:
    task = every(10, task=SWEEP, kwargs='{"limit": 10}')

    assert retry(ran(task, state), by="anna").kwargs == {"limit": 10}


def test_a_run_is_retried_once_and_then_its_retry() -> None:
    failed = ran(every(10), "failed")
    first = retry(failed, by="anna")

    with pytest.raises(
        AlreadyRequested, match="anna has already retried it"
    ) as refusal:
        retry(failed, by="ben")
    end(first, "failed")
    second = retry(first, by="ben")

    assert refusal.value.run == first
    assert second.retry_of == first


def test_a_run_that_succeeded_is_not_retried() -> None:
    run = ran(every(10))

    with pytest.raises(Refusal, match="cannot be retried: it is succeeded"):
        retry(run, by="anna")


def test_a_run_that_waits_is_not_retried() -> None:
    run = waits(every(10))

    with pytest.raises(Refusal, match="cannot be retried: it is pending"):
        retry(run, by="anna")


def test_a_run_whose_schedule_was_deleted_is_not_retried() -> None:
    task = every(10)
    run = ran(task, "failed")
    task.delete()
    run.refresh_from_db()

    with pytest.raises(Refusal, match="was deleted"):
        retry(run, by="anna")


def test_a_run_of_a_task_that_is_offered_no_more_is_not_retried() -> None:
    run = ran(every(10), "failed", task="gone.task")

    with pytest.raises(Refusal, match=r"gone\.task can no longer"):
        retry(run, by="anna")


def test_a_run_that_waits_can_be_cancelled() -> None:
    run = cancel(waits(every(10)), by="anna")

    assert run.state == Run.State.SKIPPED
    assert run.reason == "Cancelled by anna before it started."
    assert run.finished_at is not None


def test_a_run_that_has_ended_cannot_be_cancelled() -> None:
    run = ran(every(10))

    with pytest.raises(Refusal, match="not waiting any more: succeeded"):
        cancel(run, by="anna")

    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED
