"""The record of each sweep over old orders."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class AutoCloseRun(models.Model):
    """One sweep: what was asked, how far it is, what it did.

    ``allowances`` holds, by policy id, how many orders an approval covers.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        PARTIAL = "partial", "Partial"
        NEEDS_APPROVAL = "needs_approval", "Needs approval"
        ALREADY_RUNNING = "already_running", "Another was running"
        FAILED = "failed", "Failed"

    class StoppedBy(models.TextChoices):
        TIME = "time", "Its time was up"
        SHUTDOWN = "shutdown", "The worker was stopped"
        FAILURES = "failures", "Too many orders failed"
        DATABASE = "database", "The database went away"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        MANUAL = "manual", "By hand"
        APPROVAL = "approval", "Approval"
        FOLLOW_UP = "follow_up", "Follow-up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    follows = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="followed_by"
    )
    trigger = models.CharField(max_length=16, choices=Trigger.choices)
    dry_run = models.BooleanField(default=False)
    kinds = models.JSONField(help_text="The kinds of policy asked for.")
    limit = models.PositiveIntegerField(null=True, blank=True)
    approve_all = models.BooleanField(
        default=False, help_text="Started with the approval of whatever it counts."
    )
    allowances = models.JSONField(default=dict)
    cutoff = models.DateTimeField(help_text="What was due by then was due.")
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True, default="")
    actor_label = models.CharField(max_length=200, blank=True, default="")
    origin = models.CharField(max_length=16)
    approved_by = models.CharField(max_length=200, blank=True, default="")
    approved_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    stopped_by = models.CharField(
        max_length=16, choices=StoppedBy.choices, blank=True, default=""
    )
    summary = models.JSONField(default=dict)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "id")
        verbose_name = "sweep"
        permissions = (
            ("run_autoclose", "Can preview, dry-run and run the sweep"),
            ("approve_autoclose", "Can approve a surge"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(stopped_by="") | Q(state="partial"),
                name="orders_autocloserun_stopped_is_partial",
            ),
            models.CheckConstraint(
                condition=Q(approved_by="", approved_at__isnull=True)
                | (~Q(approved_by="") & Q(approved_at__isnull=False)),
                name="orders_autocloserun_approved_by_someone",
            ),
        )

    def __str__(self) -> str:
        return f"Sweep of {self.created_at:%Y-%m-%d %H:%M} UTC"
