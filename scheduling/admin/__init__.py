"""The clock's pages in Django Admin: one door among others to its services."""

from .incident import IncidentAdmin
from .run import RunAdmin
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
    "IncidentAdmin",
    "IntervalScheduleAdmin",
    "RunAdmin",
    "ScheduleAdmin",
    "SolarScheduleAdmin",
]
