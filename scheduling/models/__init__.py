"""Tables of the clock, beside those of django-celery-beat."""

from scheduling.models.applied_default import AppliedDefault
from scheduling.models.change import ScheduleChange
from scheduling.models.heartbeat import Heartbeat
from scheduling.models.history import PolicyVersion, TaskVersion
from scheduling.models.incident import Incident
from scheduling.models.run import Run
from scheduling.models.schedule import Schedule

__all__ = [
    "AppliedDefault",
    "Heartbeat",
    "Incident",
    "PolicyVersion",
    "Run",
    "Schedule",
    "ScheduleChange",
    "TaskVersion",
]
