"""What the table of defaults said when it was last merged."""

from django.db import models


class AppliedDefault(models.Model):
    """What the table of defaults said when it was last merged into a schedule.

    The base of a comparison between that table and the schedule as it stands: where
    the two differ, this row tells a default that moved from an edit by staff. No row
    exists for a schedule that was found under the name of a default.
    """

    name = models.CharField(max_length=200)
    definition = models.JSONField()
    applied_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("name",), name="scheduling_applieddefault_name_unique"
            ),
        )

    def __str__(self) -> str:
        return self.name
