"""Runs that staff request: run now, retry, and cancel what has not started.

Each writes a row, and beat sends it within a second. Neither a pause nor a disabled
schedule prevents a run by hand.
"""

from __future__ import annotations

import logging
from uuid import UUID, uuid4

from django.db import transaction
from django_celery_beat.models import PeriodicTask

from scheduling import registry
from scheduling.clock import database_now
from scheduling.exceptions import AlreadyRequested, Refusal
from scheduling.formatting import format_instant
from scheduling.models import Run, Schedule
from scheduling.pausing import lock
from scheduling.validity import NotRunnableError, arguments_of

logger = logging.getLogger(__name__)

State, Trigger = Run.State, Run.Trigger
#: The states from which a run may be retried.
RETRIED = (State.FAILED, State.LOST, State.MISSED, State.SKIPPED)


def run_now(task: PeriodicTask, *, by: str, run_id: UUID | None = None) -> Run:
    """Record a run that starts as soon as a worker is free, and return it.

    ``run_id`` makes it idempotent: the page carries one, so that a second click finds
    the run of the first, even if that has ended. Raises AlreadyRequested for
    it, and where a run by hand of this schedule has not ended. Raises Refusal for what
    could not run. Locks the schedule.
    """
    with transaction.atomic():
        schedules = lock([task.pk])
        if not schedules:
            raise Refusal("There is no such schedule any more.")
        (schedule,) = schedules
        _refuse_second_click(schedule, run_id)
        run = _new_run(schedule, Trigger.MANUAL, by=by)
        run.id = run_id or run.id
        _take_arguments(run, schedule.periodic_task)
        run.save(force_insert=True)
    logger.info("run_asked_for", extra={"run": str(run.pk), "schedule": task.pk})
    return run


def retry(run: Run, *, by: str) -> Run:
    """Record a retry of a run that did not succeed, and return it.

    Takes the arguments of that run; one that never started takes what the schedule
    says now. A run is retried once, its retry once more, and so on: raises
    AlreadyRequested for a second click. Raises Refusal for what is open, succeeded, has
    lost its schedule or could not run. Locks the schedule, then the run.
    """
    with transaction.atomic():
        schedules = lock([run.periodic_task_id]) if run.periodic_task_id else []
        if not schedules:
            raise Refusal("Its schedule was deleted: there is nothing to retry.")
        (schedule,) = schedules
        tried = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
        _refuse_retry(tried)
        again = _new_run(schedule, Trigger.RETRY, by=by)
        again.retry_of = tried
        if tried.attempts:
            _take_over(again, tried)
        else:
            _take_arguments(again, schedule.periodic_task)
        again.save(force_insert=True)
    logger.info("retry_asked_for", extra={"run": str(again.pk), "of": str(tried.pk)})
    return again


def cancel(run: Run, *, by: str) -> Run:
    """Cancel a run that has not started, and return its new state.

    Compare and set: a worker that claims it at the same moment either wins or finds
    nothing to claim. Raises Refusal for what has started or ended.
    """
    now = database_now()
    waiting = Run.objects.waiting().filter(pk=run.pk)
    changed = waiting.update(
        state=State.SKIPPED,
        reason=f"Cancelled by {by} before it started.",
        finished_at=now,
        slots_missed=1 if run.slot else 0,
    )
    stands = Run.objects.get(pk=run.pk)
    if not changed:
        raise Refusal(
            f"It is not waiting any more: {stands.get_state_display().lower()}."
        )
    logger.info("run_cancelled", extra={"run": str(run.pk)})
    return stands


def _refuse_second_click(schedule: Schedule, run_id: UUID | None) -> None:
    of_schedule = Run.objects.filter(periodic_task=schedule.pk)
    asked = of_schedule.filter(pk=run_id).first() if run_id else None
    asked = asked or of_schedule.open().filter(trigger=Trigger.MANUAL).first()
    if asked is None:
        return
    ended = "" if asked.is_open else f", and has ended: {asked.get_state_display()}"
    raise AlreadyRequested(
        f"A run of “{schedule}” was already requested by {asked.requested_by} at"
        f" {format_instant(asked.created_at)}{ended}. It runs only once.",
        run=asked,
    )


def _refuse_retry(tried: Run) -> None:
    if tried.state not in RETRIED:
        raise Refusal(
            f"It cannot be retried: it is {tried.get_state_display().lower()}."
        )
    again = tried.retries.first()
    if again:
        raise AlreadyRequested(
            f"{again.requested_by} has already retried it, at"
            f" {format_instant(again.created_at)}. Retry that run instead.",
            run=again,
        )


def _new_run(schedule: Schedule, trigger: Run.Trigger, *, by: str) -> Run:
    now = database_now()
    task = schedule.periodic_task
    return Run(
        id=uuid4(),
        periodic_task=task,
        name=task.name,
        task=task.task,
        trigger=trigger,
        state=State.PENDING,
        exclusive=schedule.overlap != Schedule.Overlap.ALLOW,
        ring_after=now,
        created_at=now,
        requested_by=by,
    )


def _take_arguments(run: Run, task: PeriodicTask) -> None:
    try:
        run.args, run.kwargs = arguments_of(task)
    except NotRunnableError as error:
        raise Refusal(f"“{task.name}” cannot run. {error}") from error


def _take_over(run: Run, tried: Run) -> None:
    if registry.find(tried.task) is None:
        raise Refusal(f"{tried.task} can no longer be scheduled.")
    run.task, run.args, run.kwargs = tried.task, tried.args, tried.kwargs
