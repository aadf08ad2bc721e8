"""What is wrong with the clock, from when to when, and who was told."""

from django.db import models
from django.db.models import F, Q
from django_celery_beat.models import PeriodicTask


class Incident(models.Model):
    """One thing that is wrong: told once when it begins and once when it is over.

    ``periodic_task`` is null where the clock itself is meant, and where the schedule
    has been deleted since; ``subject`` keeps its name.
    """

    class Kind(models.TextChoices):
        FAILED = "failed", "A run failed"
        LOST = "lost", "A run was lost"
        MISSED = "missed", "A slot was missed"
        LATE = "late", "A run is late"
        STUCK = "stuck", "A run is stuck"
        BROKEN = "broken", "A schedule cannot run"
        NO_BEAT = "no_beat", "No beat is alive"
        NO_WORKER = "no_worker", "No worker is alive"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    periodic_task = models.ForeignKey(
        PeriodicTask,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
    )
    subject = models.CharField(max_length=200)
    message = models.TextField()
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it was last found to be so.")
    closed_at = models.DateTimeField(null=True, blank=True)
    # Who is told is decided at the opening; the end goes to the same people.
    recipients = models.JSONField(default=list)
    told_opened_at = models.DateTimeField(null=True, blank=True)
    told_closed_at = models.DateTimeField(null=True, blank=True)
    mail_after = models.DateTimeField(
        help_text="No mail before then: another process is at it, or it was refused."
    )
    mail_error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("-opened_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "subject"),
                condition=Q(closed_at__isnull=True),
                name="scheduling_incident_one_open",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
                name="scheduling_incident_closed_after_opened",
            ),
        )
        indexes = (
            models.Index(
                fields=("mail_after",),
                condition=Q(told_closed_at__isnull=True),
                name="scheduling_incident_to_tell",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subject}: {self.get_kind_display()}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None
