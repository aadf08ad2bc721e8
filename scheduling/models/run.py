"""What became of each slot: one row for one slot, or for one asked for by hand."""

import uuid
from datetime import timedelta
from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django_celery_beat.models import PeriodicTask


class RunQuerySet(models.QuerySet["Run"]):
    """Sets of runs."""

    def open(self) -> "RunQuerySet":
        """Return those that are still to come to an end."""
        return self.filter(state__in=Run.OPEN_STATES)

    def waiting(self) -> "RunQuerySet":
        """Return those that no worker has begun, or begun again."""
        return self.filter(state__in=Run.WAITING_STATES)

    def failed(self) -> "RunQuerySet":
        """Return those that came to no good end."""
        return self.filter(state__in=Run.FAILED_STATES)


class Run(models.Model):
    """One slot of a schedule, or one run by hand; its id is the Celery task's.

    The row is the truth, the message a doorbell. ``attempts`` is raised by a worker's
    claim and nowhere else, and every later write of that worker is conditioned on it.
    ``ring_after`` is when the doorbell may be rung (again): jitter, the countdown of a
    retry, or the time that an earlier ring is given. A row with ``slots_missed`` above
    one stands for that many slots, of which ``slot`` is the first.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"
        MISSED = "missed", "Missed"
        LOST = "lost", "Lost"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        CATCH_UP = "catch_up", "Catch-up"
        MANUAL = "manual", "By hand"
        RETRY = "retry", "Retry"

    WAITING_STATES: ClassVar = (State.PENDING, State.QUEUED)
    OPEN_STATES: ClassVar = (*WAITING_STATES, State.RUNNING)
    FAILED_STATES: ClassVar = (State.FAILED, State.MISSED, State.LOST)
    LARGEST_RESULT: ClassVar = 16 * 1024

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    periodic_task = models.ForeignKey(
        PeriodicTask,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=200, help_text="Of the schedule, then.")
    task = models.CharField(max_length=200)
    args = models.JSONField(default=list, blank=True, encoder=DjangoJSONEncoder)
    kwargs = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    slot = models.DateTimeField(null=True, blank=True)
    trigger = models.CharField(max_length=8, choices=Trigger.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    exclusive = models.BooleanField(
        default=True, help_text="Runs beside no other run of its schedule."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    rings = models.PositiveSmallIntegerField(default=0)
    ring_after = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(
        null=True, blank=True, help_text="Not started by then, it is missed."
    )
    retry_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="retries"
    )
    slots_missed = models.PositiveIntegerField(default=0)
    reason = models.TextField(blank=True, default="")
    requested_by = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True, default="")
    progress_done = models.PositiveIntegerField(null=True, blank=True)
    progress_total = models.PositiveIntegerField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    error = models.TextField(blank=True, default="")
    traceback = models.TextField(blank=True, default="")

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        permissions = (("retry_run", "Can retry runs"),)
        constraints = (
            models.UniqueConstraint(
                fields=("periodic_task", "slot"), name="scheduling_run_one_for_a_slot"
            ),
            models.UniqueConstraint(
                fields=("periodic_task",),
                condition=Q(state="running", exclusive=True),
                name="scheduling_run_one_body_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("pending", "queued"))
                | Q(ring_after__isnull=False, finished_at__isnull=True),
                name="scheduling_run_waiting_is_rung",
            ),
            models.CheckConstraint(
                condition=~Q(state="running")
                | Q(
                    started_at__isnull=False,
                    lease_until__isnull=False,
                    finished_at__isnull=True,
                    attempts__gte=1,
                ),
                name="scheduling_run_running_has_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("pending", "queued", "running"))
                | Q(finished_at__isnull=False),
                name="scheduling_run_ended_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("skipped", "missed", "lost")) | ~Q(reason=""),
                name="scheduling_run_not_run_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(trigger__in=("schedule", "catch_up"), slot__isnull=False)
                | Q(trigger__in=("manual", "retry"), slot__isnull=True),
                name="scheduling_run_slot_is_the_clocks",
            ),
            models.CheckConstraint(
                condition=Q(progress_done__isnull=True, progress_total__isnull=True)
                | Q(progress_done__lte=F("progress_total")),
                name="scheduling_run_progress_within_total",
            ),
        )
        indexes = (
            models.Index(
                fields=("ring_after",),
                condition=Q(state__in=("pending", "queued")),
                name="scheduling_run_to_ring",
            ),
            models.Index(
                fields=("lease_until",),
                condition=Q(state="running"),
                name="scheduling_run_leased",
            ),
            models.Index(
                fields=("periodic_task", "created_at"),
                condition=Q(state__in=("pending", "queued", "running")),
                name="scheduling_run_open",
            ),
            models.Index(
                fields=("periodic_task", "-created_at"), name="scheduling_run_latest"
            ),
            models.Index(fields=("-created_at", "id"), name="scheduling_run_newest"),
            models.Index(
                fields=("-created_at",),
                condition=Q(state__in=("failed", "missed", "lost")),
                name="scheduling_run_no_good_end",
            ),
            # What staff look for among very many that went by themselves.
            models.Index(
                fields=("-created_at",),
                condition=Q(state="skipped"),
                name="scheduling_run_skipped",
            ),
            models.Index(
                fields=("-created_at",),
                condition=Q(trigger__in=("catch_up", "manual", "retry")),
                name="scheduling_run_unusual",
            ),
        )

    def __str__(self) -> str:
        when = self.slot or self.created_at
        return f"{self.name}, {when:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN_STATES

    @property
    def lateness(self) -> timedelta | None:
        """How long after its slot it started; below zero, the clocks differ."""
        return self.started_at - self.slot if self.started_at and self.slot else None

    @property
    def duration(self) -> timedelta | None:
        """How long its last attempt took, once it has ended."""
        ended = self.finished_at
        return ended - self.started_at if ended and self.started_at else None
