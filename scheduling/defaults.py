"""The table of schedules that an installation starts with.

A schedule that should exist everywhere is a row here, never an entry of
CELERY_BEAT_SCHEDULE and never an `if now.hour` in a task.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Crontab:
    """Five fields, each as Celery reads it."""

    minute: str
    hour: str
    day_of_month: str = "*"
    month_of_year: str = "*"
    day_of_week: str = "*"


@dataclass(frozen=True, kw_only=True)
class DefaultSchedule:
    """One schedule: `task` by name, at `crontab` in the business time zone."""

    name: str
    task: str
    crontab: Crontab
    description: str


DEFAULT_SCHEDULES = (
    DefaultSchedule(
        name="Close old orders",
        task="orders.tasks.auto_close_old_orders",
        crontab=Crontab(minute="0", hour="0"),
        description=(
            "Cancels orders whose payment is overdue, closes completed orders and "
            "cancels abandoned drafts, as the close policies say."
        ),
    ),
    DefaultSchedule(
        name="Clean up expired sessions",
        task="scheduling.tasks.clean_up_expired_sessions",
        crontab=Crontab(minute="15", hour="3"),
        description="Deletes the login sessions that have expired.",
    ),
)
