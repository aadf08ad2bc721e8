"""The table of schedules that an installation starts with.

A schedule that should exist everywhere is a row here, never an entry of
CELERY_BEAT_SCHEDULE and never an `if now.hour` in a task.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, kw_only=True)
class Crontab:
    """Five fields, each as Celery reads it, in the business time zone."""

    kind: ClassVar = "crontab"
    minute: str
    hour: str
    day_of_month: str = "*"
    month_of_year: str = "*"
    day_of_week: str = "*"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """On a fixed grid that begins with the seeding, whatever an outage did to it."""

    kind: ClassVar = "interval"
    every: int
    period: Literal["days", "hours", "minutes", "seconds"]


@dataclass(frozen=True, kw_only=True)
class DefaultSchedule:
    """One schedule: `task` by name, and when it runs.

    What no default says (arguments, queue, enabled ...) starts as in any new row.
    """

    name: str
    task: str
    schedule: Crontab | Interval
    description: str


DEFAULT_SCHEDULES = (
    DefaultSchedule(
        name="Close old orders",
        task="orders.tasks.auto_close_old_orders",
        schedule=Crontab(minute="0", hour="0"),
        description=(
            "Cancels orders whose payment is overdue, closes completed orders and "
            "cancels abandoned drafts, as the close policies say."
        ),
    ),
    DefaultSchedule(
        name="Clean up expired sessions",
        task="scheduling.tasks.clean_up_expired_sessions",
        schedule=Crontab(minute="15", hour="3"),
        description="Deletes the login sessions that have expired.",
    ),
)
