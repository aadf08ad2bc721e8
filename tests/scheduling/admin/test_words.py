"""Staff meet schedules under one name, whatever django-celery-beat calls its rows."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from tests.scheduling.admin.desk import choose, staff, text
from tests.scheduling.admin.schedule_page import save
from tests.scheduling.schedules import daily

pytestmark = pytest.mark.django_db

STOCK = "admin:django_celery_beat_"
DELETE = f"{STOCK}periodictask_delete"
MAY_DELETE = "django_celery_beat.delete_periodictask"
FOREIGN = "periodic task"


def crontab_of(task: PeriodicTask) -> int:
    return int(CrontabSchedule.objects.get(periodictask=task).pk)


@pytest.mark.parametrize("page", ["change", "delete", "history", "changelist", "add"])
@pytest.mark.parametrize("of", ["periodictask", "crontabschedule"])
def test_no_page_speaks_of_periodic_tasks(
    admin_client: Client, of: str, page: str
) -> None:
    task = daily()
    key = task.pk if of == "periodictask" else crontab_of(task)
    args = [] if page in {"changelist", "add"} else [key]

    answer = admin_client.get(reverse(f"{STOCK}{of}_{page}", args=args))

    assert answer.status_code == 200
    assert FOREIGN not in text(answer).lower()


def test_nor_does_the_front_page_after_something_was_done(admin_client: Client) -> None:
    task = daily()
    save(admin_client, task, description="Theirs.")

    front = text(admin_client.get(reverse("admin:index")))

    assert f"{task.name}: " in front
    assert FOREIGN not in front.lower()


def test_nor_does_the_question_over_several(admin_client: Client) -> None:
    said = text(choose(admin_client, "delete_selected", daily(), daily()))

    assert "Delete 2 schedules" in said
    assert FOREIGN not in said.lower()


def test_deleting_one_is_asked_by_its_name_and_told_by_it() -> None:
    client, task = staff(MAY_DELETE, "scheduling.pause_schedule"), daily()
    address = reverse(DELETE, args=[task.pk])

    asked = text(client.get(address))
    told = text(client.post(address, {"post": "yes"}, follow=True))

    assert f"Delete: “{task.name}”" in asked
    assert "To stop it for a while, pause it instead." in asked
    assert f"“{task.name}: " in told
    assert not PeriodicTask.objects.filter(pk=task.pk).exists()


def test_a_pause_is_offered_to_those_who_may_pause() -> None:
    asked = text(staff(MAY_DELETE).get(reverse(DELETE, args=[daily().pk])))

    assert "pause it" not in asked


def test_what_goes_by_a_row_keeps_it_and_is_named(admin_client: Client) -> None:
    task = daily()

    said = text(
        admin_client.get(
            reverse(f"{STOCK}crontabschedule_delete", args=[crontab_of(task)])
        )
    )

    assert "These schedules go by" in said
    assert f"Schedule: {task.name}" in said
