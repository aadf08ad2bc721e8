"""The clock's pages in Django Admin: one door among others to its services."""

from .schedule import ScheduleAdmin

__all__ = ["ScheduleAdmin"]
