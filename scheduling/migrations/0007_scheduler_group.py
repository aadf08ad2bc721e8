"""Make the group of those who keep the schedules, with their rights.

Rights are rows that Django makes after the last migration. Those that the group needs
are made here if they are not there yet; Django then finds them.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUP = "Scheduler"
RIGHTS = {
    ("scheduling", "schedule"): {
        "view_schedule": "Can view schedule",
        "run_schedule": "Can run schedules now",
        "pause_schedule": "Can pause and resume schedules",
    },
    ("scheduling", "run"): {
        "view_run": "Can view run",
        "retry_run": "Can retry runs",
    },
    ("scheduling", "incident"): {"view_incident": "Can view incident"},
    ("django_celery_beat", "periodictask"): {
        "view_periodictask": "Can view periodic task",
        "add_periodictask": "Can add periodic task",
        "change_periodictask": "Can change periodic task",
        "delete_periodictask": "Can delete periodic task",
    },
}


def make_group(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the group, or give the one of this name what it lacks."""
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    ContentType = apps.get_model("contenttypes", "ContentType")

    group, _ = Group.objects.get_or_create(name=GROUP)
    for (app_label, model), rights in RIGHTS.items():
        about, _ = ContentType.objects.get_or_create(app_label=app_label, model=model)
        for codename, name in rights.items():
            right, _ = Permission.objects.get_or_create(
                content_type=about, codename=codename, defaults={"name": name}
            )
            group.permissions.add(right)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("scheduling", "0006_unusual_runs"),
    ]

    # A group that people are in is not taken away from them.
    operations = [migrations.RunPython(make_group, migrations.RunPython.noop)]
