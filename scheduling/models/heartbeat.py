"""Which processes of the clock are alive."""

from django.db import models


class Heartbeat(models.Model):
    """One beat or worker process, and when it was last at work."""

    class Kind(models.TextChoices):
        BEAT = "beat", "Beat"
        WORKER = "worker", "Worker"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(
        max_length=200, help_text="Host and process, as the process names itself."
    )
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("kind", "name")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "name"), name="scheduling_heartbeat_kind_name_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
