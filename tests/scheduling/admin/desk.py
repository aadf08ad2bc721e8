"""The clock's pages as a browser sees them: who is logged in, and what is sent."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

LIST = "admin:django_celery_beat_periodictask_changelist"
VIEW = "django_celery_beat.view_periodictask"
RUN = "scheduling.run_schedule"
PAUSE = "scheduling.pause_schedule"
RUNS = "scheduling.view_run"


def staff(*rights: str) -> Client:
    """Return a browser in which anna is logged in, who has these rights."""
    user = User.objects.create_user(username="anna", password="x", is_staff=True)
    for right in rights:
        app, _, codename = right.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


def question(name: str) -> str:
    return reverse("admin:scheduling_schedule_do", args=[name])


def send(client: Client, name: str, *tasks: PeriodicTask, **fields: Any) -> Any:
    """Confirm a question about schedules, on a page opened just now."""
    chosen = " ".join(str(task.pk) for task in tasks)
    sent = {"schedules": chosen, "asked": str(uuid4())} | fields
    return client.post(question(name), sent)


def choose(client: Client, action: str, *tasks: PeriodicTask) -> Any:
    """Choose schedules of the list and an action for them."""
    keys = [task.pk for task in tasks]
    chosen = {"action": action, "_selected_action": keys}
    return client.post(reverse(LIST), chosen, follow=True)


def told(answer: Any) -> str:
    """Return all messages that an answer leaves for the next page."""
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def text(answer: Any) -> str:
    """Return what a page says, without its markup, in single spaces."""
    bare = re.sub(r"<[^>]*>", " ", answer.content.decode())
    return " ".join(html.unescape(bare).split())
