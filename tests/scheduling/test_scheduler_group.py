"""The group of those who keep the schedules: all that it takes, and nothing else."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection

migration = import_module("scheduling.migrations.0007_scheduler_group")

pytestmark = pytest.mark.django_db


def rights_of(group: Group) -> set[str]:
    return {
        f"{right.content_type.app_label}.{right.codename}"
        for right in group.permissions.select_related("content_type")
    }


def test_the_group_may_keep_schedules_and_nothing_else() -> None:
    group = Group.objects.get(name="Scheduler")

    assert rights_of(group) == {
        "scheduling.view_schedule",
        "scheduling.run_schedule",
        "scheduling.pause_schedule",
        "scheduling.view_run",
        "scheduling.retry_run",
        "scheduling.view_incident",
        "django_celery_beat.view_periodictask",
        "django_celery_beat.add_periodictask",
        "django_celery_beat.change_periodictask",
        "django_celery_beat.delete_periodictask",
    }


def test_its_rights_are_those_that_django_knows() -> None:
    user = User.objects.create_user("sam", is_staff=True)
    user.groups.add(Group.objects.get(name="Scheduler"))

    assert user.has_perm("scheduling.run_schedule")
    twins = Permission.objects.filter(codename="run_schedule")
    assert [right.name for right in twins] == ["Can run schedules now"]


def test_what_an_operator_added_to_the_group_stays() -> None:
    group = Group.objects.get(name="Scheduler")
    group.permissions.set(Permission.objects.filter(codename="view_order"))

    with connection.schema_editor() as editor:
        migration.make_group(apps, editor)

    assert "orders.view_order" in rights_of(group)
    assert "scheduling.run_schedule" in rights_of(group)
