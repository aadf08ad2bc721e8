"""Keep how schedules stood after each change, and who made it."""

import datetime

import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("scheduling", "0004_change_markers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
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
                (
                    "history_id",
                    models.BigAutoField(
                        editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")],
                        max_length=1,
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "periodic_task",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="django_celery_beat.periodictask",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a schedule's policies",
                "verbose_name_plural": "versions of schedules' policies",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="TaskVersion",
            fields=[
                (
                    "id",
                    models.IntegerField(
                        auto_created=True, blank=True, db_index=True, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        db_index=True,
                        help_text="Short Description For This Task",
                        max_length=200,
                        verbose_name="Name",
                    ),
                ),
                (
                    "task",
                    models.CharField(
                        help_text='The Name of the Celery Task that Should be Run.  (Example: "proj.tasks.import_contacts")',
                        max_length=200,
                        verbose_name="Task Name",
                    ),
                ),
                (
                    "args",
                    models.TextField(
                        blank=True,
                        default="[]",
                        help_text='JSON encoded positional arguments (Example: ["arg1", "arg2"])',
                        verbose_name="Positional Arguments",
                    ),
                ),
                (
                    "kwargs",
                    models.TextField(
                        blank=True,
                        default="{}",
                        help_text='JSON encoded keyword arguments (Example: {"argument": "value"})',
                        verbose_name="Keyword Arguments",
                    ),
                ),
                (
                    "queue",
                    models.CharField(
                        blank=True,
                        default=None,
                        help_text="Queue defined in CELERY_TASK_QUEUES. Leave None for default queuing.",
                        max_length=200,
                        null=True,
                        verbose_name="Queue Override",
                    ),
                ),
                (
                    "exchange",
                    models.CharField(
                        blank=True,
                        default=None,
                        help_text="Override Exchange for low-level AMQP routing",
                        max_length=200,
                        null=True,
                        verbose_name="Exchange",
                    ),
                ),
                (
                    "routing_key",
                    models.CharField(
                        blank=True,
                        default=None,
                        help_text="Override Routing Key for low-level AMQP routing",
                        max_length=200,
                        null=True,
                        verbose_name="Routing Key",
                    ),
                ),
                (
                    "headers",
                    models.TextField(
                        blank=True,
                        default="{}",
                        help_text="JSON encoded message headers for the AMQP message.",
                        verbose_name="AMQP Message Headers",
                    ),
                ),
                (
                    "priority",
                    models.PositiveIntegerField(
                        blank=True,
                        default=None,
                        help_text="Priority Number between 0 and 255. Supported by: RabbitMQ, Redis (priority reversed, 0 is highest).",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(255)],
                        verbose_name="Priority",
                    ),
                ),
                (
                    "expires",
                    models.DateTimeField(
                        blank=True,
                        help_text="Datetime after which the schedule will no longer trigger the task to run",
                        null=True,
                        verbose_name="Expires Datetime",
                    ),
                ),
                (
                    "expire_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Timedelta with seconds which the schedule will no longer trigger the task to run",
                        null=True,
                        verbose_name="Expires timedelta with seconds",
                    ),
                ),
                (
                    "one_off",
                    models.BooleanField(
                        default=False,
                        help_text="If True, the schedule will only run the task a single time",
                        verbose_name="One-off Task",
                    ),
                ),
                (
                    "start_time",
                    models.DateTimeField(
                        blank=True,
                        help_text="Datetime when the schedule should begin triggering the task to run",
                        null=True,
                        verbose_name="Start Datetime",
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(
                        default=True,
                        help_text="Set to False to disable the schedule",
                        verbose_name="Enabled",
                    ),
                ),
                (
                    "description",
                    models.TextField(
                        blank=True,
                        help_text="Detailed description about the details of this Periodic Task",
                        verbose_name="Description",
                    ),
                ),
                (
                    "timing",
                    models.JSONField(
                        default=dict,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                    ),
                ),
                (
                    "history_id",
                    models.BigAutoField(
                        editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")],
                        max_length=1,
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a schedule",
                "verbose_name_plural": "versions of schedules",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
    ]
