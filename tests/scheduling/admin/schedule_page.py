"""The page of one schedule as a browser has it: opened, filled in, sent."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from tests.e2e.browser import Page

SESSIONS = "scheduling.tasks.clean_up_expired_sessions"
SWEEP = "orders.tasks.auto_close_old_orders"
ADD = "django_celery_beat.add_periodictask"
CHANGE = "django_celery_beat.change_periodictask"

Entered = dict[str, Any]


def address(task: PeriodicTask | None = None) -> str:
    if task is None:
        return reverse("admin:django_celery_beat_periodictask_add")
    return reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])


def opened(client: Client, task: PeriodicTask | None = None) -> Entered:
    """Return what the page would send if nobody changed anything."""
    answer = client.get(address(task))
    assert answer.status_code == 200
    page = Page(answer.status_code, address(task), answer.content.decode())
    return {name: values for name, values in page.fields.items() if name}


def send(client: Client, task: PeriodicTask | None, entered: Entered) -> Any:
    """Send the page; a field that is None is left out, as an empty box is."""
    said = {name: value for name, value in entered.items() if value is not None}
    return client.post(address(task), said)


def save(client: Client, row: PeriodicTask | None = None, /, **changes: Any) -> Any:
    """Open the page, change some fields, send it."""
    return send(client, row, opened(client, row) | changes)


def argument(name: str, task: str = SWEEP) -> str:
    """Return the name of the field for one argument of a task."""
    return f"argument:{task}:{name}"


def daily(**changes: Any) -> Entered:
    """Return what somebody enters for a schedule that runs every day at three."""
    return {
        "name": "Theirs",
        "task": SESSIONS,
        "kind": "crontab",
        "minute": "0",
        "hour": "3",
        "zone": "Europe/Berlin",
        **changes,
    }
