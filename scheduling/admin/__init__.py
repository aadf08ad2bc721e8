"""The clock's pages in Django Admin: one door among others to its services."""

from .schedule import ScheduleAdmin
from .shared_rows import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    IntervalScheduleAdmin,
    SolarScheduleAdmin,
)

__all__ = [
    "ClockedScheduleAdmin",
    "CrontabScheduleAdmin",
    "IntervalScheduleAdmin",
    "ScheduleAdmin",
    "SolarScheduleAdmin",
]
