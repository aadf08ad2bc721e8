"""Take back what a dead worker holds, and stop what fails again and again."""

from __future__ import annotations

import logging

from django.db import connection, transaction

from scheduling.clock import database_now
from scheduling.models import Run, Schedule

logger = logging.getLogger(__name__)

#: For a run whose schedule is gone.
MAX_ATTEMPTS = 3
#: Who pauses a schedule that failed so often as its policy allows.
AFTER_FAILURES = "The clock, after failures"

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
    ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED
) AS dead
WHERE run.id = dead.id
RETURNING run.id, run.state
"""


def take_back() -> int:
    """Let the running Runs whose lease is out run again; return how many there were.

    One that has had all its attempts is lost. A worker that lives after all finds
    that the run is no longer its own, and writes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_BACK, {"most": MAX_ATTEMPTS})
        rows = cursor.fetchall()
    for run_id, state in rows:
        logger.warning("run_taken_back", extra={"run": str(run_id), "state": state})
    return len(rows)


def pause_failing() -> int:
    """Pause the schedules whose last runs all failed, so many as their policy says.

    Failures from before the last edit or resume do not count. Returns how many were
    paused.
    """
    watched = Schedule.objects.filter(
        pause_after_failures__isnull=False, paused_at__isnull=True
    )
    failing = [schedule.pk for schedule in watched if _has_failed_enough(schedule)]
    if not failing:
        return 0
    with transaction.atomic():
        now = database_now()
        schedules = watched.filter(pk__in=failing).order_by("pk").select_for_update()
        paused = [schedule for schedule in schedules if _has_failed_enough(schedule)]
        for schedule in paused:
            schedule.paused_at, schedule.paused_by = now, AFTER_FAILURES
            schedule.pause_reason = (
                f"The last {schedule.pause_after_failures} runs failed."
            )
            schedule.next_slot = None
            schedule.save(update_fields=(*Schedule.PAUSE_FIELDS, "next_slot"))
    return len(paused)


def _has_failed_enough(schedule: Schedule) -> bool:
    last = Run.objects.filter(
        periodic_task_id=schedule.pk,
        finished_at__gt=schedule.changed_at,
        state__in=(Run.State.SUCCEEDED, Run.State.FAILED, Run.State.LOST),
    ).order_by("-finished_at", "pk")[: schedule.pause_after_failures]
    states = list(last.values_list("state", flat=True))
    return len(states) == schedule.pause_after_failures and (
        Run.State.SUCCEEDED not in states
    )
