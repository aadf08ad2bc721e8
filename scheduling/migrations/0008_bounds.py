"""Keep instants and durations within what Python has.

PostgreSQL has an infinite timestamp, years beyond 9999 and intervals of millions of
years. Whoever reads one such value is refused the whole answer, all other rows in it:
one would stop the clock for all. No form takes them; these keep SQL from writing them.
"""

import datetime

from django.db import migrations, models
from django.db.models import Q

INSTANTS = {
    "django_celery_beat_periodictask": (
        "start_time",
        "expires",
        "last_run_at",
        "date_changed",
    ),
    "django_celery_beat_clockedschedule": ("clocked_time",),
    "scheduling_schedule": (
        "next_slot",
        "anchor",
        "changed_at",
        "paused_at",
        "paused_until",
    ),
    "scheduling_run": ("slot", "ring_after", "deadline", "lease_until"),
    "scheduling_schedulechange": ("changed_at",),
}
NAMES = {
    "django_celery_beat_periodictask": "scheduling_periodictask_instants_in_calendar",
    "django_celery_beat_clockedschedule": "scheduling_clocked_instants_in_calendar",
    "scheduling_schedule": "scheduling_schedule_instants_in_calendar",
    "scheduling_run": "scheduling_run_instants_in_calendar",
    "scheduling_schedulechange": "scheduling_schedulechange_instants_in_calendar",
}
FIRST, END = "0001-01-01 00:00:00+00", "10000-01-01 00:00:00+00"


def _within(columns: tuple[str, ...]) -> str:
    return " AND ".join(f"{one} >= '{FIRST}' AND {one} < '{END}'" for one in columns)


# Where rows were written in the same transaction: a table whose foreign keys are still
# to be checked cannot be altered.
CHECK_KEYS = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED;\n"
ADD_CHECKS = CHECK_KEYS + "".join(
    f"ALTER TABLE {table} ADD CONSTRAINT {NAMES[table]} CHECK ({_within(columns)});\n"
    for table, columns in INSTANTS.items()
)
DROP_CHECKS = CHECK_KEYS + "".join(
    f"ALTER TABLE {table} DROP CONSTRAINT {NAMES[table]};\n" for table in INSTANTS
)
LONGEST = datetime.timedelta(days=3650)


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0007_scheduler_group")]

    operations = [
        migrations.RunSQL(ADD_CHECKS, DROP_CHECKS),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=Q(("catch_up_window__lte", LONGEST))
                & (Q(("time_limit__isnull", True)) | Q(("time_limit__lte", LONGEST)))
                & (Q(("alert_after__isnull", True)) | Q(("alert_after__lte", LONGEST))),
                name="scheduling_schedule_durations_up_to_ten_years",
            ),
        ),
    ]
