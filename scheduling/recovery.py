"""Take back what a dead worker holds, and stop what fails again and again."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import connection, transaction

from scheduling import accounting, changes
from scheduling.clock import database_now
from scheduling.ledger import DEFAULT_ATTEMPTS
from scheduling.models import Run, Schedule

logger = logging.getLogger(__name__)

#: Who pauses a schedule that failed so often as its policy allows.
AFTER_FAILURES = "The clock, after failures"
#: How long a lease that has run out still stands. Nobody can extend one while the
#: database is away; once it is back, its workers need some seconds to be there too.
LEASE_GRACE = timedelta(seconds=15)

# That a lease was extended is in the row, so that any beat may do it and any may act
# on it: the lease then ends when the doorbell may ring. What a worker extends has
# a lease of its own again.
EXTEND_EXPIRED = """
UPDATE scheduling_run AS run
SET lease_until = statement_timestamp() + make_interval(secs => %(seconds)s),
    ring_after = statement_timestamp() + make_interval(secs => %(seconds)s)
FROM (
    SELECT id FROM scheduling_run
    WHERE state = 'running' AND lease_until < statement_timestamp()
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
) AS silent
WHERE run.id = silent.id
"""

TAKE_BACK = """
UPDATE scheduling_run AS run
SET state = CASE WHEN dead.is_over THEN 'lost' ELSE 'pending' END,
    finished_at = CASE WHEN dead.is_over THEN statement_timestamp() END,
    ring_after = statement_timestamp(), rings = 0, lease_until = NULL,
    progress_done = NULL, progress_total = NULL,
    reason = CASE WHEN dead.is_over
        THEN format('Its worker died, or lost the database, in attempt %%s of %%s.',
                    run.attempts, dead.max_attempts)
        ELSE format('The worker of attempt %%s died, or lost the database.',
                    run.attempts) END
FROM (
    SELECT r.id, coalesce(s.max_attempts, %(most)s) AS max_attempts,
        r.attempts >= coalesce(s.max_attempts, %(most)s) AS is_over
    FROM scheduling_run r
    LEFT JOIN scheduling_schedule s ON s.periodic_task_id = r.periodic_task_id
    WHERE r.state = 'running' AND r.lease_until < statement_timestamp()
      AND r.ring_after = r.lease_until
    ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED
) AS dead
WHERE run.id = dead.id
RETURNING run.id, run.state
"""

# Of each schedule no more runs are looked at than its policy counts: see the index
# on schedule and time of creation.
FAILING = """
SELECT s.periodic_task_id FROM scheduling_schedule s
CROSS JOIN LATERAL (
    SELECT count(*) AS ended, bool_or(state = 'succeeded') AS has_succeeded
    FROM (
        SELECT r.state FROM scheduling_run r
        WHERE r.periodic_task_id = s.periodic_task_id
          AND r.created_at > s.changed_at
          AND r.state IN ('succeeded', 'failed', 'lost')
        ORDER BY r.created_at DESC, r.slot DESC LIMIT s.pause_after_failures
    ) AS run
) AS last
WHERE s.pause_after_failures IS NOT NULL AND s.paused_at IS NULL
  AND last.ended = s.pause_after_failures AND NOT last.has_succeeded
FOR NO KEY UPDATE OF s SKIP LOCKED
"""


def take_back() -> int:
    """Let the running Runs whose lease is out run again; return how many there were.

    A lease that is found out is given some seconds more, once. A Run that has had all
    its attempts is lost. A worker that lives after all finds that the run is no longer
    its own, and writes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_BACK, {"most": DEFAULT_ATTEMPTS})
        rows = cursor.fetchall()
        # Those that were extended before are taken back by now.
        cursor.execute(EXTEND_EXPIRED, {"seconds": LEASE_GRACE.total_seconds()})
    for run_id, state in rows:
        logger.warning("run_taken_back", extra={"run": str(run_id), "state": state})
    return len(rows)


def pause_failing() -> int:
    """Pause the schedules whose last runs all failed, so many as their policy says.

    Runs from before the last edit or resume do not count. A slot that is due and was
    not sent becomes a missed Run. Returns how many were paused. What somebody holds has
    its turn the next time.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(FAILING)
            failing = [pk for (pk,) in cursor.fetchall()]
        now = database_now()
        tasks = changes.definitions_of(failing)
        missed: list[Run] = []
        for schedule in Schedule.objects.filter(pk__in=failing, paused_at=None):
            schedule.periodic_task = tasks[schedule.pk]
            reason = f"The last {schedule.pause_after_failures} runs failed."
            why = f"the clock paused the schedule: {reason}"
            missed += accounting.missed_unsent(schedule, now, why)
            schedule.paused_at, schedule.paused_by = now, AFTER_FAILURES
            schedule.pause_reason = reason
            schedule.next_slot = None
            schedule.save(update_fields=(*Schedule.PAUSE_FIELDS, "next_slot"))
        Run.objects.bulk_create(missed, ignore_conflicts=True)
    return len(failing)
