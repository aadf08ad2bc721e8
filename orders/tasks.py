"""Celery's entry points to the order desk: thin, and idempotent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any

from celery import shared_task
from django.core.validators import MinValueValidator
from kombu.exceptions import OperationalError

from orders import autoclose
from orders.models import Actor, AutoCloseRun, ClosePolicy, Origin
from scheduling import progress
from scheduling.parameters import not_empty
from scheduling.registry import schedulable
from scheduling.shutdown import stopping

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)


@schedulable(dry_run=autoclose.forecast)
@shared_task
def auto_close_old_orders(
    dry_run: bool = False,  # noqa: FBT001, FBT002 - a task's arguments come by name
    policies: Annotated[list[ClosePolicy.Kind] | None, not_empty] = None,
    limit: Annotated[int | None, MinValueValidator(1)] = None,
    approve: bool = False,  # noqa: FBT001, FBT002 - as above
) -> dict[str, Any]:
    """Close old orders by policy: cancel the unpaid, close the completed.

    ``dry_run`` only counts. ``policies`` are kinds (unpaid, completed, draft), all
    by default. ``limit`` is the most orders to change. ``approve`` lets it close
    more than a policy's surge limit. Returns the run's summary. Raises
    ValueError for anything else, and touches nothing.
    """
    run = autoclose.start_run(
        by=Actor.system(Origin.TASK),
        trigger=AutoCloseRun.Trigger.SCHEDULE,
        dry_run=dry_run,
        policies=policies,
        limit=limit,
        approve=approve,
    )
    return _execute(run)


@shared_task
def execute_auto_close(run_id: str) -> dict[str, Any]:
    """Execute a queued sweep: one started by hand, approved, or a follow-up."""
    return _execute(AutoCloseRun.objects.get(pk=run_id))


def _execute(run: AutoCloseRun) -> dict[str, Any]:
    summary = autoclose.execute(run, should_stop=stopping, on_progress=progress.report)
    autoclose.queue_follow_up(run)
    # The row is the truth: the message of a sweep that still waits may be lost.
    for waiting in autoclose.queued_runs():
        enqueue(waiting.pk)
    return summary


def enqueue(run_id: UUID) -> bool:
    """Send a queued sweep to a worker; its row must be committed.

    Returns false if the broker is away: the next sweep enqueues the row again.
    """
    try:
        execute_auto_close.apply_async(args=(str(run_id),), retry=False)
    except OperationalError:
        logger.warning("autoclose_not_enqueued", extra={"run_id": str(run_id)})
        return False
    return True
