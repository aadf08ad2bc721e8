"""The markers that triggers leave where the definition of a schedule changes."""

from django.db import models
from django.db.models.functions import Now


class ScheduleChange(models.Model):
    """A row of django-celery-beat's whose content changed, and when.

    Written by triggers alone (see the migration), so that bulk updates and raw SQL
    count; deleted by the beat that has looked. ``changed_at`` is the database's clock
    at the statement, not the start of its transaction.
    """

    class Kind(models.TextChoices):
        TASK = "task", "Task"
        INTERVAL = "interval", "Interval"
        CRONTAB = "crontab", "Crontab"
        SOLAR = "solar", "Solar event"
        CLOCKED = "clocked", "Clocked time"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    row_id = models.BigIntegerField()
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"
