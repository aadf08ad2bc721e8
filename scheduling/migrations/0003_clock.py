import datetime
import uuid

import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("scheduling", "0002_seed_default_schedules"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScheduleChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("task", "Task"),
                            ("interval", "Interval"),
                            ("crontab", "Crontab"),
                            ("solar", "Solar event"),
                            ("clocked", "Clocked time"),
                        ],
                        max_length=8,
                    ),
                ),
                ("row_id", models.BigIntegerField()),
                (
                    "changed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("beat", "Beat"), ("worker", "Worker")], max_length=8
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Host and process, as the process names itself.",
                        max_length=200,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("kind", "name"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "name"),
                        name="scheduling_heartbeat_kind_name_unique",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "periodic_task",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="clock",
                        serialize=False,
                        to="django_celery_beat.periodictask",
                    ),
                ),
                (
                    "next_slot",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                (
                    "fingerprint",
                    models.CharField(
                        blank=True, default="", editable=False, max_length=64
                    ),
                ),
                ("anchor", models.DateTimeField(editable=False)),
                ("changed_at", models.DateTimeField(editable=False)),
                (
                    "catch_up",
                    models.CharField(
                        choices=[
                            ("latest", "Run the latest of the slots that were missed"),
                            (
                                "all",
                                "Run each slot that was missed, one after the other",
                            ),
                            ("skip", "Run none that was missed"),
                        ],
                        default="latest",
                        max_length=6,
                        verbose_name="after an outage",
                    ),
                ),
                (
                    "catch_up_window",
                    models.DurationField(
                        default=datetime.timedelta(days=1),
                        help_text="A slot older than this is not caught up, and waits no longer.",
                    ),
                ),
                (
                    "overlap",
                    models.CharField(
                        choices=[
                            ("skip", "Skip the slot while a run is still at work"),
                            ("queue", "Run it when the run before it has ended"),
                            ("allow", "Run them beside each other"),
                        ],
                        default="skip",
                        max_length=5,
                        verbose_name="when the last run is still at work",
                    ),
                ),
                (
                    "jitter",
                    models.DurationField(
                        default=datetime.timedelta(0),
                        help_text="Spreads the runs over this time after their slot, each slot's delay being always the same.",
                    ),
                ),
                (
                    "max_attempts",
                    models.PositiveSmallIntegerField(
                        default=3,
                        help_text="How often a run may start: a worker that dies costs one attempt.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                    ),
                ),
                (
                    "time_limit",
                    models.DurationField(
                        blank=True,
                        help_text="A run that takes longer is stopped. Empty: the workers' own limit.",
                        null=True,
                    ),
                ),
                (
                    "paused_at",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                (
                    "paused_by",
                    models.CharField(
                        blank=True, default="", editable=False, max_length=150
                    ),
                ),
                (
                    "pause_reason",
                    models.TextField(blank=True, default="", editable=False),
                ),
                (
                    "paused_until",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                (
                    "alert_after",
                    models.DurationField(
                        blank=True,
                        default=datetime.timedelta(seconds=900),
                        help_text="Tell somebody when a slot has not started this long after its time. Empty: never.",
                        null=True,
                    ),
                ),
                (
                    "pause_after_failures",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Pause after so many failures in a row. Empty: never.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "owner_email",
                    models.EmailField(
                        blank=True,
                        default="",
                        help_text="Who is told when something is wrong.",
                        max_length=254,
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "permissions": (
                    ("pause_schedule", "Can pause and resume schedules"),
                    ("run_schedule", "Can run schedules now"),
                ),
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_slot__isnull", False)),
                        fields=["next_slot"],
                        name="scheduling_schedule_next",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("catch_up__in", ("latest", "all", "skip"))),
                        name="scheduling_schedule_catch_up_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("overlap__in", ("skip", "queue", "allow"))),
                        name="scheduling_schedule_overlap_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("catch_up_window__gte", datetime.timedelta(0))
                        ),
                        name="scheduling_schedule_window_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("jitter__gte", datetime.timedelta(0)),
                            ("jitter__lte", datetime.timedelta(days=1)),
                        ),
                        name="scheduling_schedule_jitter_up_to_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_attempts__gte", 1)),
                        name="scheduling_schedule_attempts_at_least_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("time_limit__isnull", True),
                            ("time_limit__gte", datetime.timedelta(seconds=1)),
                            _connector="OR",
                        ),
                        name="scheduling_schedule_time_limit_a_second",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("alert_after__isnull", True),
                            ("alert_after__gt", datetime.timedelta(0)),
                            _connector="OR",
                        ),
                        name="scheduling_schedule_alert_after_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("pause_after_failures__isnull", True),
                            ("pause_after_failures__gte", 1),
                            _connector="OR",
                        ),
                        name="scheduling_schedule_failures_at_least_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("pause_reason", ""),
                                ("paused_at__isnull", True),
                                ("paused_by", ""),
                                ("paused_until__isnull", True),
                            ),
                            models.Q(
                                ("paused_at__isnull", False),
                                models.Q(("paused_by", ""), _negated=True),
                                models.Q(("pause_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="scheduling_schedule_pause_explained",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("failed", "A run failed"),
                            ("lost", "A run was lost"),
                            ("missed", "A slot was missed"),
                            ("late", "A run is late"),
                            ("stuck", "A run is stuck"),
                            ("broken", "A schedule cannot run"),
                            ("no_beat", "No beat is alive"),
                            ("no_worker", "No worker is alive"),
                        ],
                        max_length=12,
                    ),
                ),
                ("subject", models.CharField(max_length=200)),
                ("message", models.TextField()),
                ("opened_at", models.DateTimeField()),
                (
                    "seen_at",
                    models.DateTimeField(help_text="When it was last found to be so."),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("recipients", models.JSONField(default=list)),
                ("told_opened_at", models.DateTimeField(blank=True, null=True)),
                ("told_closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "mail_after",
                    models.DateTimeField(
                        help_text="No mail before then: another process is at it, or it was refused."
                    ),
                ),
                ("mail_error", models.TextField(blank=True, default="")),
                (
                    "periodic_task",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="django_celery_beat.periodictask",
                    ),
                ),
            ],
            options={
                "ordering": ("-opened_at", "id"),
                "indexes": [
                    models.Index(
                        condition=models.Q(("told_closed_at__isnull", True)),
                        fields=["mail_after"],
                        name="scheduling_incident_to_tell",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("kind", "subject"),
                        name="scheduling_incident_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closed_at__isnull", True),
                            ("closed_at__gte", models.F("opened_at")),
                            _connector="OR",
                        ),
                        name="scheduling_incident_closed_after_opened",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Of the schedule, then.", max_length=200
                    ),
                ),
                ("task", models.CharField(max_length=200)),
                (
                    "args",
                    models.JSONField(
                        blank=True,
                        default=list,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                    ),
                ),
                (
                    "kwargs",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                    ),
                ),
                ("slot", models.DateTimeField(blank=True, null=True)),
                (
                    "trigger",
                    models.CharField(
                        choices=[
                            ("schedule", "Schedule"),
                            ("catch_up", "Catch-up"),
                            ("manual", "By hand"),
                            ("retry", "Retry"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("skipped", "Skipped"),
                            ("missed", "Missed"),
                            ("lost", "Lost"),
                        ],
                        default="pending",
                        max_length=9,
                    ),
                ),
                (
                    "exclusive",
                    models.BooleanField(
                        default=True,
                        help_text="Runs beside no other run of its schedule.",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("rings", models.PositiveSmallIntegerField(default=0)),
                ("ring_after", models.DateTimeField(blank=True, null=True)),
                (
                    "deadline",
                    models.DateTimeField(
                        blank=True,
                        help_text="Not started by then, it is missed.",
                        null=True,
                    ),
                ),
                ("slots_missed", models.PositiveIntegerField(default=0)),
                ("reason", models.TextField(blank=True, default="")),
                (
                    "requested_by",
                    models.CharField(blank=True, default="", max_length=150),
                ),
                ("created_at", models.DateTimeField()),
                ("queued_at", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("worker", models.CharField(blank=True, default="", max_length=200)),
                ("progress_done", models.PositiveIntegerField(blank=True, null=True)),
                ("progress_total", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "result",
                    models.JSONField(
                        blank=True,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                    ),
                ),
                ("error", models.TextField(blank=True, default="")),
                ("traceback", models.TextField(blank=True, default="")),
                (
                    "periodic_task",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="django_celery_beat.periodictask",
                    ),
                ),
                (
                    "retry_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="retries",
                        to="scheduling.run",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "id"),
                "permissions": (("retry_run", "Can retry runs"),),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("pending", "queued"))),
                        fields=["ring_after"],
                        name="scheduling_run_to_ring",
                    ),
                    models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["lease_until"],
                        name="scheduling_run_leased",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("state__in", ("pending", "queued", "running"))
                        ),
                        fields=["periodic_task", "created_at"],
                        name="scheduling_run_open",
                    ),
                    models.Index(
                        fields=["periodic_task", "-created_at"],
                        name="scheduling_run_latest",
                    ),
                    models.Index(
                        fields=["-created_at", "id"], name="scheduling_run_newest"
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ("failed", "missed", "lost"))),
                        fields=["-created_at"],
                        name="scheduling_run_no_good_end",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("periodic_task", "slot"),
                        name="scheduling_run_one_for_a_slot",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("exclusive", True), ("state", "running")),
                        fields=("periodic_task",),
                        name="scheduling_run_one_body_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ("pending", "queued")), _negated=True
                            ),
                            models.Q(
                                ("finished_at__isnull", True),
                                ("ring_after__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="scheduling_run_waiting_is_rung",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "running"), _negated=True),
                            models.Q(
                                ("attempts__gte", 1),
                                ("finished_at__isnull", True),
                                ("lease_until__isnull", False),
                                ("started_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="scheduling_run_running_has_a_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ("pending", "queued", "running")),
                            ("finished_at__isnull", False),
                            _connector="OR",
                        ),
                        name="scheduling_run_ended_has_an_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ("skipped", "missed", "lost")),
                                _negated=True,
                            ),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="scheduling_run_not_run_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("slot__isnull", False),
                                ("trigger__in", ("schedule", "catch_up")),
                            ),
                            models.Q(
                                ("slot__isnull", True),
                                ("trigger__in", ("manual", "retry")),
                            ),
                            _connector="OR",
                        ),
                        name="scheduling_run_slot_is_the_clocks",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("progress_done__isnull", True),
                                ("progress_total__isnull", True),
                            ),
                            ("progress_done__lte", models.F("progress_total")),
                            _connector="OR",
                        ),
                        name="scheduling_run_progress_within_total",
                    ),
                ],
            },
        ),
    ]
