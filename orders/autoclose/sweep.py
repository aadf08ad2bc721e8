"""The sweep: close what is due, in batches, each in a short transaction.

Orders are selected by their state, not by a period, so the next sweep catches up on
a missed night. Candidates are read without locks, in windows that a cursor moves
past; only then are the orders of a window locked, checked again and changed.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection
from django.db.models import CharField, Func, TextField, Value
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan, Lookup

from orders.exceptions import OrdersBusy
from orders.models import Actor, AutoCloseRun, Order
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.guards import Action
from orders.services.transition import Finding
from scheduling.clock import database_now

from .counting import Tally, count_candidates
from .due import BLOCKS, Kind
from .runs import fail_abandoned_runs

logger = logging.getLogger(__name__)

BATCH_SIZE = 1000
TIME_BUDGET = timedelta(minutes=15)
#: "orders.autoclose" as an advisory lock; any number that nobody else uses.
LOCK_KEY = 7_310_312_866_437_211
PROGRESS_EVERY = timedelta(seconds=1)

RECONNECTS = 60
REASONS = {
    Kind.UNPAID: Order.CancelReason.PAYMENT_OVERDUE,
    Kind.COMPLETED: Order.CloseReason.AUTO_COMPLETED,
    Kind.DRAFT: Order.CancelReason.DRAFT_ABANDONED,
}

State = AutoCloseRun.State
StoppedBy = AutoCloseRun.StoppedBy
Summary = dict[str, Any]


@dataclass
class Sweep:
    """The state of one run while it is executed."""

    run: AutoCloseRun
    by: Actor
    should_stop: Callable[[], bool]
    ends_at: float
    batch_size: int
    tallies: list[Tally] = field(default_factory=list)
    stopped_by: str = ""
    progress_saved_at: float = 0.0
    on_progress: Callable[[int, int], None] = lambda _done, _total: None


def execute(
    run: AutoCloseRun,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    time_budget: timedelta | None = TIME_BUDGET,
    batch_size: int = BATCH_SIZE,
) -> Summary:
    """Execute a queued run and return its summary, which is also saved on the row.

    If another worker has taken the run already, nothing is changed; while another
    sweep is at work, the run ends as already_running. Stops cleanly after a batch
    once ``should_stop()`` is true or the time budget is spent. After each batch
    ``on_progress`` receives the number of orders processed and the total.
    Idempotent: correctness depends on no lock but that of each order.
    """
    if not _take(run):
        return dict(run.summary)
    by = _actor(run)
    budget = time_budget.total_seconds() if time_budget else float("inf")
    ends_at = time.monotonic() + budget
    sweep = Sweep(run, by, should_stop, ends_at, batch_size, on_progress=on_progress)
    with _only_one(run) as alone:
        if not alone:
            return _end_as_already_running(sweep)
        try:
            _sweep(sweep)
        except (OperationalError, InterfaceError):
            logger.exception("autoclose_interrupted", extra={"run_id": str(run.pk)})
            sweep.stopped_by = StoppedBy.DATABASE
            connection.close()
            _await_database()
        except (Exception, KeyboardInterrupt):
            # Whatever it was: the row must not stay `running`. The task fails as well.
            _finish(sweep, State.FAILED)
            raise
        return _finish(sweep, _state_of(sweep))


def _take(run: AutoCloseRun) -> bool:
    """Move the row from queued to running; false if another worker did so first."""
    now = database_now()
    taken = AutoCloseRun.objects.filter(pk=run.pk, state=State.QUEUED).update(
        state=State.RUNNING, started_at=now
    )
    run.refresh_from_db()
    return bool(taken)


def _actor(run: AutoCloseRun) -> Actor:
    """Return the actor for the events: the system, whoever started the sweep."""
    return Actor(
        kind=Actor.Kind.SYSTEM,
        origin=run.origin,
        label="system",
        run_id=str(run.pk),
    )


@contextmanager
def _only_one(run: AutoCloseRun) -> Iterator[bool]:
    """Hold the advisory lock of sweeps; a dry run needs none.

    While it is held no other sweep is at work, whatever the rows say.
    """
    if run.dry_run:
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
        (alone,) = cursor.fetchone()
    if not alone:
        yield False
        return
    try:
        fail_abandoned_runs(run)
        yield True
    finally:
        # If the connection was lost, the lock went with it.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])


def _end_as_already_running(sweep: Sweep) -> Summary:
    """End a run that found another at work.

    An approved run or a follow-up goes back into the queue instead, so that its
    approval and its cut-off are not lost.
    """
    summary = _finish(sweep, State.ALREADY_RUNNING)
    if sweep.run.follows_id:
        AutoCloseRun.objects.filter(pk=sweep.run.pk).update(
            state=State.QUEUED, started_at=None, finished_at=None, summary={}
        )
    return summary


def _sweep(sweep: Sweep) -> None:
    for tally in count_candidates(sweep.run):
        sweep.tallies.append(tally)
    for tally in sweep.tallies:
        if sweep.run.dry_run:
            tally.changed = tally.cap
        else:
            _close_due(sweep, tally)


def _close_due(sweep: Sweep, tally: Tally) -> None:
    for ids in _windows(sweep, tally):
        tally.locked += _close_batch(sweep, tally, ids)
        _save_progress(sweep)
    if not sweep.stopped_by:
        _retry_locked(sweep, tally)


def _windows(sweep: Sweep, tally: Tally) -> Iterator[list[UUID]]:
    """Yield windows of candidates in deadline order, up to the policy's cap.

    Ends early when time is up or too many orders failed. Candidates that have
    disappeared since they were counted are no longer due.
    """
    clock = tally.rule.clock
    due = Order.objects.filter(tally.rule.candidates(sweep.run.cutoff))
    window = due.order_by(clock, "pk")
    while (size := min(sweep.batch_size, tally.cap - tally.seen)) and not _must_stop(
        sweep, tally
    ):
        # As text, which is cheaper: only the last of these instants is used.
        rows = list(window.values_list(Cast(clock, TextField()), "pk")[:size])
        if not rows:
            tally.no_longer_due += tally.candidates - tally.seen
            return
        window = due.filter(_beyond(clock, *rows[-1])).order_by(clock, "pk")
        yield [pk for _, pk in rows]


def _beyond(clock: str, at: str, pk: UUID) -> Lookup[Any]:
    """Compare whole rows, which walks the index on (clock, id) from that place."""
    return GreaterThan(_row(clock, "pk"), _row(Value(at), Value(pk)))


def _row(*columns: str | Value) -> Func:
    return Func(*columns, function="ROW", output_field=CharField())


def _must_stop(sweep: Sweep, tally: Tally) -> bool:
    if sweep.should_stop():
        sweep.stopped_by = StoppedBy.SHUTDOWN
    elif time.monotonic() >= sweep.ends_at:
        sweep.stopped_by = StoppedBy.TIME
    return bool(sweep.stopped_by) or tally.gave_up


def _close_batch(sweep: Sweep, tally: Tally, ids: list[UUID]) -> list[UUID]:
    """Close one window; return the orders that others have locked."""
    rule, cutoff = tally.rule, sweep.run.cutoff
    found = Finding(
        provided=rule.candidates(cutoff),
        pending_since=rule.pending_since(cutoff),
        data={"policy": str(rule.policy), "cutoff": cutoff.isoformat()},
    )
    change = close_orders if rule.action == Action.CLOSE else cancel_orders
    try:
        outcome = change(ids, reason=REASONS[rule.kind], by=sweep.by, found=found)
    except OrdersBusy:
        return ids
    tally.add(outcome)
    return outcome.skipped


def _retry_locked(sweep: Sweep, tally: Tally) -> None:
    """Try locked orders once more; those still locked are left for the next run."""
    locked, tally.locked = tally.locked, []
    for start in range(0, len(locked), sweep.batch_size):
        held = _close_batch(sweep, tally, locked[start : start + sweep.batch_size])
        due = Order.objects.filter(
            tally.rule.candidates(sweep.run.cutoff), pk__in=held
        ).count()
        tally.skipped_locked += due
        tally.no_longer_due += len(held) - due


def _save_progress(sweep: Sweep) -> None:
    """Report progress, and save it once a second, outside the batch's transaction."""
    sweep.on_progress(_done(sweep), _total(sweep))
    if time.monotonic() < sweep.progress_saved_at + PROGRESS_EVERY.total_seconds():
        return
    sweep.progress_saved_at = time.monotonic()
    AutoCloseRun.objects.filter(pk=sweep.run.pk).update(
        progress_done=_done(sweep), progress_total=_total(sweep)
    )


def _done(sweep: Sweep) -> int:
    return sum(tally.done for tally in sweep.tallies)


def _total(sweep: Sweep) -> int:
    return sum(tally.cap for tally in sweep.tallies)


def _await_database() -> None:
    """Wait for the database to come back, for a minute at most.

    Raises the error of the last attempt.
    """
    for _ in range(RECONNECTS):
        try:
            connection.ensure_connection()
        except OperationalError:
            time.sleep(1)
        else:
            return
    connection.ensure_connection()


def _state_of(sweep: Sweep) -> State:
    if not sweep.stopped_by and any(tally.gave_up for tally in sweep.tallies):
        sweep.stopped_by = StoppedBy.FAILURES
    remains = any(tally.remaining for tally in sweep.tallies)
    # The database may have gone away before everything was counted.
    if sweep.stopped_by == StoppedBy.DATABASE or (sweep.stopped_by and remains):
        return State.PARTIAL
    sweep.stopped_by = ""
    if any(tally.needs_approval for tally in sweep.tallies):
        return State.NEEDS_APPROVAL
    return State.COMPLETED


def _finish(sweep: Sweep, state: State) -> Summary:
    run = sweep.run
    run.finished_at = database_now()
    run.state = state
    run.stopped_by = sweep.stopped_by if state == State.PARTIAL else ""
    run.allowances = _allowances(sweep)
    run.progress_done, run.progress_total = _done(sweep), _total(sweep)
    run.summary = summary = _summary(sweep)
    run.save(
        update_fields=[
            "finished_at",
            "state",
            "stopped_by",
            "allowances",
            "progress_done",
            "progress_total",
            "summary",
        ]
    )
    sweep.on_progress(run.progress_done, run.progress_total)
    logger.info(
        "autoclose_finished",
        extra={
            "run_id": str(run.pk),
            "state": state,
            "changed": run.summary["changed"],
        },
    )
    return summary


def _allowances(sweep: Sweep) -> dict[str, int]:
    """Return what an approval of this run, or its follow-up, may still close."""
    allowances = dict(sweep.run.allowances)
    for tally in sweep.tallies:
        key = str(tally.rule.policy.pk)
        if tally.needs_approval:
            allowances[key] = tally.candidates
        elif key in allowances:
            allowances[key] = max(0, allowances[key] - tally.changed)
    return allowances


def _summary(sweep: Sweep) -> Summary:
    run = sweep.run
    policies = {kind: _of_kind(sweep, kind) for kind in run.kinds}
    started, finished = run.started_at, run.finished_at
    duration = finished - started if started and finished else timedelta(0)
    return {
        "run_id": str(run.pk),
        "dry_run": run.dry_run,
        "state": str(run.state),
        "cutoff": run.cutoff.isoformat(),
        "duration_ms": round(duration / timedelta(milliseconds=1)),
        "policies": policies,
        "changed": sum(policy["changed"] for policy in policies.values()),
        "failed": sum(policy["failed"] for policy in policies.values()),
        "remaining": sum(policy["remaining"] for policy in policies.values()),
        "errors": [error for tally in sweep.tallies for error in tally.errors],
    }


def _of_kind(sweep: Sweep, kind: str) -> Summary:
    tallies = [tally for tally in sweep.tallies if tally.rule.kind == kind]
    counts = {
        name: sum(getattr(tally, name) for tally in tallies)
        for name in (
            "candidates",
            "changed",
            "skipped_locked",
            "no_longer_due",
            "failed",
            "remaining",
        )
    }
    blocked = sum((tally.blocked for tally in tallies), Counter[str]())
    return counts | {
        "blocked": {name: blocked[name] for name in BLOCKS},
        "needs_approval": any(tally.needs_approval for tally in tallies),
    }
