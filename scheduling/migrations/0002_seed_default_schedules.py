"""Write the schedules that a new installation starts with.

The data stands here as it was when this migration was written, apart from the living
table in `scheduling/defaults.py`: a migration must do tomorrow what it does today.
"""

from typing import Any

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

SCHEDULES: dict[str, dict[str, Any]] = {
    "Close old orders": {
        "task": "orders.tasks.auto_close_old_orders",
        "crontab": {
            "minute": "0",
            "hour": "0",
            "day_of_month": "*",
            "month_of_year": "*",
            "day_of_week": "*",
        },
        "description": (
            "Cancels orders whose payment is overdue, closes completed orders and "
            "cancels abandoned drafts, as the close policies say."
        ),
    },
    "Clean up expired sessions": {
        "task": "scheduling.tasks.clean_up_expired_sessions",
        "crontab": {
            "minute": "15",
            "hour": "3",
            "day_of_month": "*",
            "month_of_year": "*",
            "day_of_week": "*",
        },
        "description": "Deletes the login sessions that have expired.",
    },
}

# What seeding leaves as a new row has it, and what staff may have set since.
FIELDS_LEFT_ALONE = (
    "interval_id",
    "solar_id",
    "clocked_id",
    "args",
    "kwargs",
    "queue",
    "exchange",
    "routing_key",
    "headers",
    "priority",
    "expires",
    "expire_seconds",
    "one_off",
    "start_time",
    "enabled",
)


def seed_schedules(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the schedules whose names are free; a row that exists is not touched."""
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    AppliedDefault = apps.get_model("scheduling", "AppliedDefault")

    for name, frozen in SCHEDULES.items():
        if PeriodicTask.objects.filter(name=name).exists():
            continue
        definition = in_business_time_zone(frozen)
        PeriodicTask.objects.create(
            name=name,
            task=definition["task"],
            crontab=crontab_row(apps, definition["crontab"]),
            description=definition["description"],
        )
        AppliedDefault.objects.update_or_create(
            name=name,
            defaults={"definition": definition, "applied_at": timezone.now()},
        )
        tell_beat(apps)


def in_business_time_zone(frozen: dict[str, Any]) -> dict[str, Any]:
    """Return the definition with the zone that this installation does business in."""
    zone = {"timezone": settings.BUSINESS_TIME_ZONE}
    return frozen | {"crontab": frozen["crontab"] | zone}


def crontab_row(apps: Apps, fields: dict[str, str]) -> Any:  # noqa: ANN401 - historical
    """Return the oldest crontab with these fields, or a new one."""
    CrontabSchedule = apps.get_model("django_celery_beat", "CrontabSchedule")
    oldest = CrontabSchedule.objects.filter(**fields).order_by("pk").first()
    return oldest or CrontabSchedule.objects.create(**fields)


def tell_beat(apps: Apps) -> None:
    """Move the mark that makes a running beat read its schedules again.

    Models with a history have no `save` of their own, which moves it otherwise.
    """
    PeriodicTasks = apps.get_model("django_celery_beat", "PeriodicTasks")
    PeriodicTasks.objects.update_or_create(
        ident=1, defaults={"last_update": timezone.now()}
    )


def withdraw_schedules(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Delete the schedules that still stand as they were applied.

    One that staff edited stays, and so does the record of what was applied to it. The
    crontabs stay too: who made them cannot be told, and alone they do nothing.
    """
    AppliedDefault = apps.get_model("scheduling", "AppliedDefault")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")

    for applied in AppliedDefault.objects.filter(name__in=SCHEDULES):
        task = PeriodicTask.objects.filter(name=applied.name).first()
        if task is None:
            applied.delete()
        elif stands_as_applied(task, applied.definition):
            task.delete()
            applied.delete()
            tell_beat(apps)


def stands_as_applied(task: Any, definition: dict[str, Any]) -> bool:  # noqa: ANN401
    """Return whether every field that staff can edit holds what was applied."""
    return (
        task.task == definition["task"]
        and task.description == definition["description"]
        and has_crontab(task, definition.get("crontab"))
        and has_defaults_elsewhere(task)
    )


def has_crontab(task: Any, fields: dict[str, str] | None) -> bool:  # noqa: ANN401
    """Return whether the task goes by a crontab with exactly these fields.

    There are none where a later default runs by another kind of schedule.
    """
    if fields is None or task.crontab is None:
        return False
    return all(
        str(getattr(task.crontab, field)) == value for field, value in fields.items()
    )


def has_defaults_elsewhere(task: Any) -> bool:  # noqa: ANN401
    """Return whether the fields that no default sets are as a new row has them."""
    new_row = type(task)()
    return all(
        (getattr(task, field) or None) == (getattr(new_row, field) or None)
        for field in FIELDS_LEFT_ALONE
    )


class Migration(migrations.Migration):
    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("scheduling", "0001_applied_default"),
    ]

    operations = [migrations.RunPython(seed_schedules, withdraw_schedules)]
