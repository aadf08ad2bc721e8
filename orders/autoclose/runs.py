"""The rows of sweeps: what is asked for, approved, and left for another run."""

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
#: What a follow-up run helps against.
PICKED_UP = (AutoCloseRun.StoppedBy.TIME, AutoCloseRun.StoppedBy.SHUTDOWN)
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
    """Write down that a sweep is asked for, with the cut-off of this moment.

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
    """Return an unsaved sweep that nobody has asked for, with this moment's cut-off.

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
    """Queue a sweep over what a run counted but was not allowed to close.

    It has that run's cut-off and closes at most as many orders of each policy as
    were counted. Raises OrderError where the run waits for no approval, or has
    it already.
    """
    with transaction.atomic():
        run = AutoCloseRun.objects.select_for_update().get(pk=run.pk)
        if run.approved_at:
            raise OrderError(f"This sweep was approved by {run.approved_by} already.")
        if run.state != State.NEEDS_APPROVAL or run.dry_run:
            raise OrderError("This sweep waits for no approval.")
        run.approved_by, run.approved_at = by.label, database_now()
        run.save(update_fields=["approved_by", "approved_at"])
        return _queue(run, Trigger.APPROVAL, by=by)


def queue_follow_up(run: AutoCloseRun) -> AutoCloseRun | None:
    """Queue a sweep over what a run had no time for; None where nothing is left.

    It inherits cut-off, limit and approval. A run that failures or the database
    stopped has none, nor has one that got nowhere: the next night tries again.
    """
    if run.stopped_by not in PICKED_UP or not run.summary.get("changed"):
        return None
    return _queue(run, Trigger.FOLLOW_UP)


def bury_the_dead(alive: AutoCloseRun) -> None:
    """Mark as failed the runs whose worker died; call it when no other is at work.

    Where somebody had approved such a run, the rest of it is queued again.
    """
    dead = AutoCloseRun.objects.filter(state=State.RUNNING, dry_run=False)
    for run in dead.exclude(pk=alive.pk):
        run.state, run.finished_at = State.FAILED, database_now()
        run.save(update_fields=["state", "finished_at"])
        # How much of a limit it had used up nobody knows.
        if run.approved_at and run.limit is None:
            _queue(run, Trigger.FOLLOW_UP)


def queued_runs() -> list[AutoCloseRun]:
    """Return what waits for a worker, oldest first."""
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
