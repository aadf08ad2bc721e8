"""Schedules whose slots come as often as a test likes, and what became of each slot.

What the project offers for scheduling runs once a minute at most. A slot in between is
made by putting ``next_slot`` to the database's now, which is all that a beat goes by.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.e2e.stack import Stack

SCHEDULES = 20

# Of themselves they come due once a year, and in no month that a test takes place in.
MAKE = """
WITH yearly AS (
    INSERT INTO django_celery_beat_crontabschedule
        (minute, hour, day_of_month, month_of_year, day_of_week, timezone)
    VALUES ('0', '0', '1', extract(month FROM now() - interval '60 days'), '*', 'UTC')
    RETURNING id
)
INSERT INTO django_celery_beat_periodictask
    (name, task, crontab_id, args, kwargs, headers, enabled, one_off, description,
     total_run_count, date_changed)
SELECT :'name' || ' ' || number, 'scheduling.tasks.clean_up_expired_sessions', id,
    '[]', '{}', '{}', true, false, '', 0, now()
FROM yearly, generate_series(1, :count) AS number
RETURNING id
"""
# A run that has not ended is no reason to skip a slot: each of them has to be run.
LET_QUEUE = """
UPDATE scheduling_schedule SET overlap = 'queue'
WHERE periodic_task_id = ANY(:'tasks') AND next_slot IS NOT NULL
RETURNING periodic_task_id
"""
COME = """
UPDATE scheduling_schedule SET next_slot = clock_timestamp()
WHERE periodic_task_id = ANY(:'tasks') AND next_slot > clock_timestamp()
RETURNING periodic_task_id, next_slot
"""
OPEN = """
SELECT periodic_task_id FROM scheduling_run
WHERE periodic_task_id = ANY(:'tasks') AND state IN ('pending', 'queued', 'running')
UNION
SELECT periodic_task_id FROM scheduling_schedule
WHERE periodic_task_id = ANY(:'tasks') AND next_slot <= now()
"""
BECAME = """
SELECT periodic_task_id, slot, state, attempts FROM scheduling_run
WHERE periodic_task_id = ANY(:'tasks')
"""
COUNTED = """
SELECT sum(total_run_count) FROM django_celery_beat_periodictask
WHERE id = ANY(:'tasks')
"""


@dataclass
class Often:
    """Twenty schedules that come due together, at each call of `come`."""

    stack: Stack
    name: str
    slots: list[tuple[str, ...]] = field(default_factory=list)
    _tasks: str = ""

    def make(self) -> None:
        """Write them down as rows, and wait until a beat has found them."""
        made = self.stack.sql(MAKE, name=self.name, count=str(SCHEDULES))
        self._tasks = f"{{{','.join(task for (task,) in made)}}}"
        self.stack.wait_for(lambda: len(self._ask(LET_QUEUE)) == SCHEDULES)

    def come(self, *, times: int) -> None:
        """Let a slot of each come so often, as soon as the one before was taken."""
        coming = len(self.slots) + times * SCHEDULES
        while len(self.slots) < coming:
            self.slots += map(tuple, self._ask(COME))

    def assert_each_slot_ran_once(self) -> None:
        """Wait until nothing is left open, and compare what was with what came."""
        self.stack.wait_for(lambda: not self._ask(OPEN))
        became = Counter(map(tuple, self._ask(BECAME)))
        assert became == Counter((*slot, "succeeded", "1") for slot in self.slots)
        assert self._ask(COUNTED) == [[str(len(self.slots))]]

    def _ask(self, statement: str) -> list[list[str]]:
        return self.stack.sql(statement, tasks=self._tasks)
