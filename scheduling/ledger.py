"""What a worker says about a run: claimed, how far it is, how it ended.

Each is one statement in the database's clock. What a claim gives, every later write
is conditioned on: a worker that was thought dead changes nothing of its successor's.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Case, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from scheduling.models import Run, Schedule
from scheduling.models.run import RunQuerySet

#: How long a run is its worker's without a sign of life.
LEASE = timedelta(seconds=60)
#: When a run is tried again that has to wait for another of its schedule.
SOON = timedelta(seconds=5)
LARGEST_ERROR = 2_000
LARGEST_TRACEBACK = 32 * 1024

ONE_BODY_AT_A_TIME = "scheduling_run_one_body_at_a_time"
NOT_STARTED_IN_TIME = "No worker started it before its deadline."
NOT_AGAIN_IN_TIME = "Its deadline passed before it could start again."
#: For a run whose schedule is gone.
DEFAULT_ATTEMPTS = Schedule._meta.get_field("max_attempts").get_default()  # noqa: SLF001 - documented by Django

State = Run.State

# A message that is left from an earlier attempt does not cut short the wait for the
# next: what was put back is nobody's until it is rung for again.
CLAIM = """
UPDATE scheduling_run
SET state = 'running', attempts = attempts + 1, worker = %(worker)s,
    started_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
    progress_done = NULL, progress_total = NULL
WHERE id = %(run)s AND state IN ('pending', 'queued')
    AND (attempts = 0 OR rings > 0)
    AND (deadline IS NULL OR deadline >= clock_timestamp())
RETURNING attempts
"""

# Rows that somebody holds at this moment are passed over: their turn comes twice
# more before the lease is out, and the others' leases must not wait for them.
EXTEND = """
UPDATE scheduling_run
SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id IN (
    SELECT run.id FROM scheduling_run AS run
    JOIN unnest(%(runs)s::uuid[], %(workers)s::text[]) AS held (id, worker)
        ON run.id = held.id AND run.worker = held.worker
    WHERE run.state = 'running'
    ORDER BY run.id FOR NO KEY UPDATE OF run SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that is this worker's; ``attempts`` tells it from later ones."""

    run_id: UUID
    attempts: int


def process_name(worker: str, pid: int) -> str:
    """Return how a process of a worker's pool is written down as a run's worker."""
    ending = f"/{pid}"
    return worker[: 200 - len(ending)] + ending


def claim(run_id: UUID, worker: str) -> Claim | None:
    """Take a waiting run, or return None: it is another's, over, or not to run yet.

    Committed on return, hence not to be called within a transaction. One whose
    deadline has passed becomes missed; one whose schedule is at work goes on waiting.
    """
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(
                CLAIM, {"run": run_id, "worker": worker, "lease": LEASE.total_seconds()}
            )
            row = cursor.fetchone()
    except IntegrityError as error:
        if _violated(error) != ONE_BODY_AT_A_TIME:
            raise
        _let_wait(run_id)
        return None
    if row is None:
        _miss(run_id)
        return None
    return Claim(run_id, attempts=row[0])


def _violated(error: IntegrityError) -> str | None:
    diagnosis: Any = getattr(error.__cause__, "diag", None)
    return diagnosis.constraint_name if diagnosis else None


def _let_wait(run_id: UUID) -> None:
    """Have a run rung again soon; that it was rung so far has lost nothing."""
    Run.objects.waiting().filter(pk=run_id).update(
        state=State.PENDING, ring_after=Now() + Value(SOON), rings=0
    )


def _miss(run_id: UUID) -> None:
    Run.objects.waiting().filter(pk=run_id, deadline__lt=Now()).update(
        state=State.MISSED,
        finished_at=Now(),
        reason=Case(
            When(attempts=0, then=Value(NOT_STARTED_IN_TIME)),
            default=Value(NOT_AGAIN_IN_TIME),
        ),
    )


def held_by(run_id: UUID, worker: str) -> Claim | None:
    """Return the claim under which a process is at work on a run, if it is."""
    attempts = (
        Run.objects.filter(pk=run_id, worker=worker, state=State.RUNNING)
        .values_list("attempts", flat=True)
        .first()
    )
    return None if attempts is None else Claim(run_id, attempts)


def extend(held: Collection[tuple[UUID, str]]) -> int:
    """Extend the leases of runs, each given with its process; return how many."""
    if not held:
        return 0
    runs, workers = zip(*held, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            EXTEND,
            {
                "runs": list(runs),
                "workers": list(workers),
                "lease": LEASE.total_seconds(),
            },
        )
        return int(cursor.rowcount)


def progress(claim: Claim, done: int, total: int) -> bool:
    """Write down how far a run is."""
    return _write(claim, progress_done=done, progress_total=total)


def succeed(claim: Claim, result: object) -> bool:
    """End a run well, with what its body returned.

    A result that is too large, or that JSON or the database cannot hold, is replaced
    by a note that says so.
    """
    try:
        with transaction.atomic():
            return _succeed(claim, _kept(result))
    except DataError as error:
        why, *_details = str(error).splitlines()
        return _succeed(claim, _note(f"the database cannot hold it ({why})"))


def _succeed(claim: Claim, result: object) -> bool:
    return _write(
        claim,
        state=State.SUCCEEDED,
        finished_at=Now(),
        lease_until=None,
        result=result,
        error="",
        traceback="",
    )


def _kept(result: object) -> object:
    try:
        text = json.dumps(
            result, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False
        )
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        return _note(f"it is not JSON ({error})")
    if size > Run.LARGEST_RESULT:
        return _note(f"it has {size:,} bytes, more than {Run.LARGEST_RESULT:,}")
    return result


def _note(why: str) -> dict[str, str]:
    return {"not_kept": clean(f"The result is not kept: {why}.", LARGEST_ERROR)}


def fail(claim: Claim, error: str, traceback: str = "") -> bool:
    """End a run badly."""
    return _write(
        claim,
        state=State.FAILED,
        finished_at=Now(),
        lease_until=None,
        error=clean(error, LARGEST_ERROR),
        traceback=clean(traceback, LARGEST_TRACEBACK),
    )


def retry_later(claim: Claim, after: timedelta, *, error: str = "") -> bool:
    """Put a run back among those that wait, to be rung when ``after`` has passed.

    Returns false, and changes nothing, once it has started as often as its schedule
    allows, or is another's.
    """
    may_start_again = _holding(claim).filter(attempts__lt=_most_attempts())
    return bool(
        may_start_again.update(
            state=State.PENDING,
            ring_after=Now() + Value(after),
            rings=0,
            lease_until=None,
            error=clean(error, LARGEST_ERROR),
        )
    )


def _most_attempts() -> Coalesce:
    of_its_schedule = Schedule.objects.filter(
        periodic_task=OuterRef("periodic_task")
    ).values("max_attempts")
    return Coalesce(Subquery(of_its_schedule), Value(DEFAULT_ATTEMPTS))


def _holding(claim: Claim) -> RunQuerySet:
    return Run.objects.filter(
        pk=claim.run_id, attempts=claim.attempts, state=State.RUNNING
    )


def _write(claim: Claim, **values: object) -> bool:
    """Write to a run as long as it is ours; return whether it is."""
    return bool(_holding(claim).update(**values))


def clean(text: str, limit: int) -> str:
    """Return text as PostgreSQL can hold it; of one too long, both ends."""
    text = text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
    if len(text) <= limit:
        return text
    half = limit // 2
    return (
        f"{text[:half]}\n[{len(text) - 2 * half:,} characters left out]\n{text[-half:]}"
    )
