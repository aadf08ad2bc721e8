"""A schedule is entered, checked and saved by its form."""

from __future__ import annotations

import pytest
from django.test import Client
from django_celery_beat.models import PeriodicTask

from tests.scheduling.admin.schedule_page import daily, save

pytestmark = pytest.mark.django_db


def test_a_schedule_is_added(admin_client: Client) -> None:
    answer = save(admin_client, **daily())
    if answer.status_code == 200:
        print(answer.context["adminform"].form.errors)
    assert answer.status_code == 302
    task = PeriodicTask.objects.get(name="Theirs")
    assert str(task.crontab) == "0 3 * * * (m/h/dM/MY/d) Europe/Berlin"
