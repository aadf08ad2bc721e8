"""The clock's side of a PeriodicTask: its next slot, its policies, its pause."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from scheduling.durations import LONGEST


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    """Sets of schedules."""

    def paused(self, now: datetime) -> "ScheduleQuerySet":
        """Return those that a pause keeps from coming due: see `is_paused_at`."""
        return self.filter(_pause_stands(now))

    def on(self, now: datetime) -> "ScheduleQuerySet":
        """Return those that should come due: neither switched off nor paused."""
        return self.filter(~_pause_stands(now), periodic_task__enabled=True)


class Schedule(models.Model):
    """What the clock knows of one PeriodicTask; made by itself when one appears.

    ``next_slot`` is null where nothing is to come. It holds for the definition with
    ``fingerprint``, and is computed anew when that differs. ``anchor`` is the origin
    of an interval's grid. A pause with an end is over at ``paused_until``.
    """

    class CatchUp(models.TextChoices):
        LATEST = "latest", "Run the latest of the slots that were missed"
        ALL = "all", "Run each slot that was missed, one after the other"
        SKIP = "skip", "Run none that was missed"

    class Overlap(models.TextChoices):
        SKIP = "skip", "Skip the slot while a run is still at work"
        QUEUE = "queue", "Run it when the run before it has ended"
        ALLOW = "allow", "Run them beside each other"

    PAUSE_FIELDS: ClassVar = ("paused_at", "paused_by", "pause_reason", "paused_until")

    periodic_task = models.OneToOneField(
        PeriodicTask,
        models.CASCADE,
        primary_key=True,
        related_name="clock",
        db_constraint=False,
    )
    next_slot = models.DateTimeField(null=True, blank=True, editable=False)
    fingerprint = models.CharField(
        max_length=64, blank=True, default="", editable=False
    )
    anchor = models.DateTimeField(editable=False)
    changed_at = models.DateTimeField(editable=False)
    catch_up = models.CharField(
        "after an outage",
        max_length=6,
        choices=CatchUp.choices,
        default=CatchUp.LATEST,
    )
    catch_up_window = models.DurationField(
        default=timedelta(hours=24),
        help_text="A slot older than this is not caught up, and waits no longer.",
    )
    overlap = models.CharField(
        "when the last run is still at work",
        max_length=5,
        choices=Overlap.choices,
        default=Overlap.SKIP,
    )
    jitter = models.DurationField(
        default=timedelta(0),
        help_text="Spreads the runs over this time after their slot, each slot's "
        "delay being always the same.",
    )
    max_attempts = models.PositiveSmallIntegerField(
        default=3,
        validators=(MinValueValidator(1), MaxValueValidator(100)),
        help_text="How often a run may start: a worker that dies costs one attempt.",
    )
    time_limit = models.DurationField(
        null=True,
        blank=True,
        help_text="A run that takes longer is stopped. Empty: the workers' own limit.",
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    pause_reason = models.TextField(blank=True, default="", editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    alert_after = models.DurationField(
        null=True,
        blank=True,
        default=timedelta(minutes=15),
        help_text="Tell somebody when a slot has not started this long after its "
        "time. Empty: never.",
    )
    pause_after_failures = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=(MinValueValidator(1),),
        help_text="Pause after so many failures in a row. Empty: never.",
    )
    owner_email = models.EmailField(
        blank=True, default="", help_text="Who is told when something is wrong."
    )

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        permissions = (
            ("pause_schedule", "Can pause and resume schedules"),
            ("run_schedule", "Can run schedules now"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(catch_up__in=("latest", "all", "skip")),
                name="scheduling_schedule_catch_up_known",
            ),
            models.CheckConstraint(
                condition=Q(overlap__in=("skip", "queue", "allow")),
                name="scheduling_schedule_overlap_known",
            ),
            models.CheckConstraint(
                condition=Q(catch_up_window__gte=timedelta(0)),
                name="scheduling_schedule_window_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(jitter__gte=timedelta(0), jitter__lte=timedelta(days=1)),
                name="scheduling_schedule_jitter_up_to_a_day",
            ),
            models.CheckConstraint(
                condition=Q(max_attempts__gte=1),
                name="scheduling_schedule_attempts_at_least_one",
            ),
            models.CheckConstraint(
                condition=Q(time_limit__isnull=True)
                | Q(time_limit__gte=timedelta(seconds=1)),
                name="scheduling_schedule_time_limit_a_second",
            ),
            models.CheckConstraint(
                condition=Q(alert_after__isnull=True) | Q(alert_after__gt=timedelta(0)),
                name="scheduling_schedule_alert_after_positive",
            ),
            models.CheckConstraint(
                condition=Q(pause_after_failures__isnull=True)
                | Q(pause_after_failures__gte=1),
                name="scheduling_schedule_failures_at_least_one",
            ),
            models.CheckConstraint(
                condition=Q(catch_up_window__lte=LONGEST)
                & (Q(time_limit__isnull=True) | Q(time_limit__lte=LONGEST))
                & (Q(alert_after__isnull=True) | Q(alert_after__lte=LONGEST)),
                name="scheduling_schedule_durations_up_to_ten_years",
            ),
            models.CheckConstraint(
                condition=Q(
                    paused_at__isnull=True,
                    paused_by="",
                    pause_reason="",
                    paused_until__isnull=True,
                )
                | (Q(paused_at__isnull=False) & ~Q(paused_by="") & ~Q(pause_reason="")),
                name="scheduling_schedule_pause_explained",
            ),
        )
        indexes = (
            models.Index(
                fields=("next_slot",),
                condition=Q(next_slot__isnull=False),
                name="scheduling_schedule_next",
            ),
        )

    def __str__(self) -> str:
        return str(self.periodic_task.name)

    @property
    def is_paused(self) -> bool:
        """Return whether a pause stands in the row; see `is_paused_at`."""
        return self.paused_at is not None

    def is_paused_at(self, now: datetime) -> bool:
        """Return whether a pause keeps slots from coming due at an instant.

        One whose end has come stands in the row until the next slot comes.
        """
        until = self.paused_until
        return self.is_paused and (until is None or until > now)


def _pause_stands(now: datetime) -> Q:
    return Q(paused_at__isnull=False) & (
        Q(paused_until__isnull=True) | Q(paused_until__gt=now)
    )
