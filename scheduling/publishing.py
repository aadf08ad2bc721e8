"""Send messages for waiting Runs; a message is only a doorbell, and may be lost."""

from __future__ import annotations

import json
import logging
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from celery import current_app
from django.db import connection
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from scheduling.ledger import NOT_AGAIN_IN_TIME, NOT_STARTED_IN_TIME
from scheduling.models import Run

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

logger = logging.getLogger(__name__)

RUNS_AT_ONCE = 200
BROKER_ERRORS = (OperationalError, RedisError, OSError)
SOFT_OF_HARD = 0.9

# One body at a time: a run is sent when no older one of its schedule is open. A beat
# has 15 seconds to send it and to record that; after that, another beat sends it.
TAKE = """
UPDATE scheduling_run AS run
SET ring_after = statement_timestamp() + interval '15 seconds',
    rings = least(run.rings + 1, 1000)
FROM (
    SELECT r.id FROM scheduling_run r
    WHERE r.state IN ('pending', 'queued') AND r.ring_after <= statement_timestamp()
      AND (NOT r.exclusive OR r.state = 'queued' OR NOT EXISTS (
        SELECT FROM scheduling_run o
        WHERE o.periodic_task_id = r.periodic_task_id AND o.id <> r.id
          AND (o.state IN ('queued', 'running')
            OR o.state = 'pending' AND (o.created_at, coalesce(o.slot, o.created_at),
               o.id) < (r.created_at, coalesce(r.slot, r.created_at), r.id))))
    ORDER BY r.ring_after, r.created_at, r.id LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
) AS due
WHERE run.id = due.id
RETURNING run.id, run.task, run.args, run.kwargs, run.slot,
    (SELECT s.time_limit FROM scheduling_schedule s
     WHERE s.periodic_task_id = run.periodic_task_id)
"""

# A worker may have claimed the run already, which is left alone. A run that is not
# claimed is sent again after 1, 2, 4 ... 10 minutes.
MARK_RUNG = """
UPDATE scheduling_run
SET state = 'queued', queued_at = coalesce(queued_at, statement_timestamp()),
    ring_after = statement_timestamp()
        + make_interval(mins => least(10, 2 ^ least(rings - 1, 4))::int)
WHERE id = ANY(%s) AND state IN ('pending', 'queued')
"""

GIVE_BACK = """
UPDATE scheduling_run
SET ring_after = statement_timestamp(), rings = greatest(rings - 1, 0)
WHERE id = ANY(%s) AND state IN ('pending', 'queued')
"""

WRITE_OFF = """
UPDATE scheduling_run AS run
SET state = 'missed', finished_at = statement_timestamp(),
    reason = CASE
        WHEN deadline > statement_timestamp() OR deadline IS NULL THEN %(deleted)s
        WHEN attempts > 0 THEN %(not_again)s
        ELSE %(not_started)s END
FROM (
    SELECT id FROM scheduling_run
    WHERE state IN ('pending', 'queued') AND ring_after <= statement_timestamp()
      AND (deadline <= statement_timestamp() OR periodic_task_id IS NULL)
    FOR NO KEY UPDATE SKIP LOCKED
) AS late
WHERE run.id = late.id
"""
REASONS = {
    "deleted": "The schedule was deleted before a worker started it.",
    "not_again": NOT_AGAIN_IN_TIME,
    "not_started": NOT_STARTED_IN_TIME,
}


class BrokerAwayError(Exception):
    """The broker does not accept messages; ``rung`` were sent before."""

    def __init__(self, rung: int) -> None:
        super().__init__("The broker does not accept messages.")
        self.rung = rung


class _Ring(NamedTuple):
    id: UUID
    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    slot: datetime | None
    time_limit: timedelta | None


def ring_due(limit: int = RUNS_AT_ONCE) -> int:
    """Send the Runs whose time has come; return how many there were.

    Takes them with a statement of its own, committed before the first message is
    sent: if a beat dies here, after none, some or all of them, another sends them
    again. Raises BrokerAwayError at the first message that the broker does not
    accept; those that were not sent become due again at once.
    """
    taken = _take(limit)
    rung: list[UUID] = []
    try:
        for ring in taken:
            if _published(ring):
                rung.append(ring.id)  # noqa: PERF401 - holds those before an error
    except BROKER_ERRORS as error:
        sent = set(rung)
        _execute(GIVE_BACK, [ring.id for ring in taken if ring.id not in sent])
        raise BrokerAwayError(len(rung)) from error
    finally:
        _execute(MARK_RUNG, rung)
    return len(taken)


def write_off_late() -> int:
    """End the waiting Runs that may no longer start; return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE_OFF, REASONS)
        return int(cursor.rowcount)


def _take(limit: int) -> list[_Ring]:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [limit])
        rows = cursor.fetchall()
    return [
        _Ring(pk, task, json.loads(args), json.loads(kwargs), slot, time_limit)
        for pk, task, args, kwargs, slot, time_limit in rows
    ]


def _published(ring: _Ring) -> bool:
    """Send one message. A problem with this message fails only its own Run."""
    headers = {"run": str(ring.id)}
    if ring.slot:
        headers["slot"] = ring.slot.isoformat()
    try:
        current_app.send_task(
            ring.task,
            ring.args,
            ring.kwargs,
            task_id=str(ring.id),
            headers=headers,
            retry=False,
            time_limit=_hard_limit(ring),
            soft_time_limit=_soft_limit(ring),
        )
    except BROKER_ERRORS:
        raise
    except Exception as error:
        logger.exception("run_not_published", extra={"run": str(ring.id)})
        _fail(ring.id, error)
        return False
    return True


def _hard_limit(ring: _Ring) -> int | None:
    """Return the limit in whole seconds; None means the workers' own."""
    return ceil(ring.time_limit.total_seconds()) if ring.time_limit else None


def _soft_limit(ring: _Ring) -> int | None:
    """Return a limit below the hard one, so that a body can clean up.

    At the hard limit its process is killed.
    """
    hard = _hard_limit(ring)
    return max(1, int(hard * SOFT_OF_HARD)) if hard else None


def _fail(run_id: UUID, error: Exception) -> None:
    Run.objects.waiting().filter(pk=run_id).update(
        state=Run.State.FAILED,
        finished_at=Now(),
        error=f"It could not be sent: {type(error).__name__}: {error}",
    )


def _execute(statement: str, ids: list[UUID]) -> None:
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(statement, [ids])
