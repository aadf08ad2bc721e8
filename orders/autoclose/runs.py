"""The rows of sweeps: started, approved, and continued by a follow-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from orders.exceptions import OrderError
from orders.models import AutoCloseRun
from scheduling.clock import database_now

from .due import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from orders.models import Actor

State = AutoCloseRun.State
Trigger = AutoCloseRun.Trigger
#: A run that was stopped by one of these is continued by a follow-up.
CONTINUED_AFTER = (AutoCloseRun.StoppedBy.TIME, AutoCloseRun.StoppedBy.SHUTDOWN)
LARGEST_LIMIT = 2**31 - 1


def start_run(
    *,
    by: Actor,
    trigger: Trigger,
    dry_run: bool = False,
    policies: Collection[str] | None = None,
    limit: int | None = None,
    approve: bool = False,
) -> AutoCloseRun:
    """Save a queued sweep whose cut-off is this moment.

    Raises ValueError, before anything is touched, for a ``limit`` that is not an
    integer from 1 up, ``policies`` that are not a non-empty list of kinds, or a
    ``dry_run`` or ``approve`` that is not a boolean.
    """
    run = new_run(dry_run=dry_run, policies=policies, limit=limit, approve=approve)
    run.trigger, run.origin = trigger, by.origin
    run.actor_kind, run.actor_id, run.actor_label = by.kind, by.id, by.label
    if approve:
        run.approved_by, run.approved_at = by.label, run.cutoff
    run.save()
    return run


def new_run(
    *,
    dry_run: bool,
    policies: Collection[str] | None,
    limit: int | None,
    approve: bool,
) -> AutoCloseRun:
    """Return an unsaved sweep whose cut-off is this moment.

    Raises ValueError as start_run does.
    """
    now = database_now()
    return AutoCloseRun(
        dry_run=_checked_flag("dry_run", dry_run),
        approve_all=_checked_flag("approve", approve),
        kinds=_checked_kinds(policies),
        limit=_checked_limit(limit),
        cutoff=now,
        created_at=now,
    )


def _checked_flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{name} must be true or false, not {value!r}.")


def _checked_kinds(policies: object) -> list[str]:
    if policies is None:
        return [kind.value for kind in KINDS]
    if (
        not isinstance(policies, list)
        or not policies
        or set(map(str, policies)) - set(KINDS)
    ):
        known = ", ".join(KINDS)
        raise ValueError(f"policies must be a list of {known}, not {policies!r}.")
    return [kind.value for kind in KINDS if kind in policies]


def _checked_limit(limit: object) -> int | None:
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ValueError(f"limit must be a whole number from 1 up, not {limit!r}.")
    return min(limit, LARGEST_LIMIT)


def approve(run: AutoCloseRun, *, by: Actor) -> AutoCloseRun:
    """Queue a sweep over the orders that a run counted but was not allowed to close.

    It has that run's cut-off, and closes at most as many orders of each policy as
    were counted. Raises OrderError if the run does not need an approval, or has
    been approved already.
    """
    with transaction.atomic():
        run = AutoCloseRun.objects.select_for_update().get(pk=run.pk)
        if run.approved_at:
            raise OrderError(f"This sweep was approved by {run.approved_by} already.")
        if run.state != State.NEEDS_APPROVAL or run.dry_run:
            raise OrderError("This sweep does not need an approval.")
        run.approved_by, run.approved_at = by.label, database_now()
        run.save(update_fields=["approved_by", "approved_at"])
        return _queue(run, Trigger.APPROVAL, by=by)


def queue_follow_up(run: AutoCloseRun) -> AutoCloseRun | None:
    """Queue a sweep over what a run had no time for; None if nothing is left.

    It inherits cut-off, limit and approval. A run stopped by failures or by the
    database gets no follow-up, nor does one that changed nothing: the next night's
    sweep tries again.
    """
    if run.stopped_by not in CONTINUED_AFTER or not run.summary.get("changed"):
        return None
    return _queue(run, Trigger.FOLLOW_UP)


def fail_abandoned_runs(alive: AutoCloseRun) -> None:
    """Mark as failed the runs whose worker died; call it under the advisory lock.

    The rest of a run that somebody had approved is queued again.
    """
    dead = AutoCloseRun.objects.filter(state=State.RUNNING, dry_run=False)
    for run in dead.exclude(pk=alive.pk):
        run.state, run.finished_at = State.FAILED, database_now()
        run.save(update_fields=["state", "finished_at"])
        # How much of its limit it had used up is not known.
        if run.approved_at and run.limit is None:
            _queue(run, Trigger.FOLLOW_UP)


def queued_runs() -> list[AutoCloseRun]:
    """Return the sweeps that wait for a worker, oldest first."""
    return list(AutoCloseRun.objects.filter(state=State.QUEUED).order_by("created_at"))


def _queue(
    run: AutoCloseRun, trigger: Trigger, *, by: Actor | None = None
) -> AutoCloseRun:
    now = database_now()
    done = run.summary.get("changed", 0)
    return AutoCloseRun.objects.create(
        follows=run,
        trigger=trigger,
        kinds=run.kinds,
        limit=run.limit - done if run.limit else None,
        approve_all=run.approve_all,
        allowances=run.allowances,
        approved_by=run.approved_by,
        approved_at=run.approved_at,
        cutoff=run.cutoff,
        actor_kind=by.kind if by else run.actor_kind,
        actor_id=by.id if by else run.actor_id,
        actor_label=by.label if by else run.actor_label,
        origin=by.origin if by else run.origin,
        created_at=now,
    )
