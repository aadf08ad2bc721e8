"""Who may open what of the clock's pages: every address, read and forged, by role.

What a page does is told by its own tests. Here each address that the clock's admins
have is found among those of the site, so that a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduling.clock import database_now
from scheduling.models import Incident, Run
from tests.scheduling.schedules import daily, every, ran, waits

pytestmark = pytest.mark.django_db

APPS = ("scheduling", "django_celery_beat")
NOBODY, VIEWER, SCHEDULER = "nobody", "viewer", "scheduler"
VIEWS = (
    "scheduling.view_schedule",
    "scheduling.view_run",
    "scheduling.view_incident",
    "django_celery_beat.view_periodictask",
)
QUESTIONS = ("run", "pause", "resume")
STOCK = "django_celery_beat_"
STOCK_PAGES = ("changelist", "add", "change", "delete", "history")
STOCK_ROWS = ("clocked", "crontab", "interval", "solar")
#: Whose business an address is: those who look, and those who keep the schedules.
LOOK, KEEP = frozenset({VIEWER, SCHEDULER}), frozenset({SCHEDULER})
NO_ONE: frozenset[str] = frozenset()
#: Who may read what stands at an address, by the end of its name.
READERS = {
    "periodictask_changelist": LOOK,
    "periodictask_change": LOOK,
    "periodictask_history": LOOK,
    "periodictask_add": KEEP,
    "periodictask_delete": KEEP,
    "schedule_do:run": KEEP,
    "schedule_do:pause": KEEP,
    "schedule_do:resume": KEEP,
    "schedule_preview": KEEP,
    "run_changelist": LOOK,
    "run_change": LOOK,
    "run_history": LOOK,
    "run_timeline": LOOK,
    "run_progress": LOOK,
    "incident_changelist": LOOK,
    "incident_change": LOOK,
    "incident_history": LOOK,
    # These answer to POST alone.
    "schedule_dry_run": NO_ONE,
    "schedule_put_back": NO_ONE,
    "run_retry": NO_ONE,
    "run_cancel": NO_ONE,
} | {f"{kind}schedule_{page}": NO_ONE for kind in STOCK_ROWS for page in STOCK_PAGES}
FORGED = {
    "action": "delete_selected",
    "post": "yes",
    "reason": "Because",
    "name": "Taken over",
    "key": "1",
    "asked": str(UUID(int=7)),
    "_save": "Save",
}


@dataclass(frozen=True)
class World:
    """A schedule, a run of it that failed, one that waits, an incident, bare rows."""

    task: PeriodicTask
    failed: Run
    waiting: Run
    incident: Incident
    rows: dict[str, Model]


def addresses() -> Iterator[str]:
    """Yield the names of all addresses of the clock's admins."""
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label in APPS:
            for pattern in model_admin.get_urls():
                if pattern.name == "scheduling_schedule_do":
                    yield from (f"{pattern.name}:{one}" for one in QUESTIONS)
                elif pattern.name:
                    yield str(pattern.name)


ADDRESSES = sorted(set(addresses()))


def forged(world: World) -> dict[str, str]:
    """Return what somebody sends who takes all forms for one."""
    chosen = str(world.task.pk)
    return FORGED | {"schedules": chosen, "_selected_action": chosen}


def readers(name: str) -> frozenset[str]:
    short = name.removeprefix("scheduling_").removeprefix(STOCK)
    return READERS[short]


@pytest.fixture
def world() -> World:
    task = daily()
    return World(
        task=task,
        failed=ran(task, "failed"),
        waiting=waits(every()),
        incident=Incident.objects.create(
            kind=Incident.Kind.FAILED,
            subject=task.name,
            message="It failed.",
            opened_at=database_now(),
            seen_at=database_now(),
            mail_after=database_now(),
        ),
        rows={
            "crontab": task.crontab,
            "interval": IntervalSchedule.objects.get(every=10),
            "solar": SolarSchedule.objects.create(
                event="sunset", latitude=52, longitude=13
            ),
            "clocked": ClockedSchedule.objects.create(clocked_time=database_now()),
        },
    )


def address(name: str, world: World) -> str:
    name, _, question = name.partition(":")
    if question:
        url = reverse(f"admin:{name}", args=[question])
        return f"{url}?schedule={world.task.pk}"
    return reverse(f"admin:{name}", args=_key(name, world))


def _key(name: str, world: World) -> list[Any]:
    if name.endswith(("changelist", "add", "timeline", "preview", "dry_run")):
        return []
    if "_incident_" in name:
        return [world.incident.pk]
    if "_run_" in name:
        return [(world.waiting if name.endswith("cancel") else world.failed).pk]
    for kind, row in world.rows.items():
        if f"{kind}schedule" in name:
            return [row.pk]
    return [world.task.pk]


def in_role(role: str) -> Client:
    user = User.objects.create_user("anna", password="x", is_staff=True)
    for right in VIEWS if role == VIEWER else ():
        app, codename = right.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    if role == SCHEDULER:
        user.groups.add(Group.objects.get(name="Scheduler"))
    client = Client()
    client.force_login(user)
    return client


def stands() -> dict[str, Any]:
    """Return all that is in the clock's tables."""
    tables = [one for one in apps.get_models() if one._meta.app_label in APPS]
    tables.append(LogEntry)
    return {
        one.__name__: sorted(one._base_manager.values_list(), key=str) for one in tables
    }


def offenders(
    answers: dict[str, int], right: Callable[[str], Collection[int]]
) -> list[str]:
    """Return the addresses that answered otherwise than is right, and what."""
    return [
        f"{name}: {code}" for name, code in answers.items() if code not in right(name)
    ]


def test_every_address_is_somebodys_business() -> None:
    known = {readers(name) for name in ADDRESSES}

    assert known == {LOOK, KEEP, NO_ONE}


@pytest.mark.parametrize("role", [NOBODY, VIEWER, SCHEDULER])
def test_a_page_is_read_by_whose_business_it_is(world: World, role: str) -> None:
    client = in_role(role)
    before = stands()

    answers = {name: client.get(address(name, world)).status_code for name in ADDRESSES}

    assert not offenders(
        answers, lambda name: {200} if role in readers(name) else {403, 405}
    )
    assert stands() == before


@pytest.mark.parametrize("role", [NOBODY, VIEWER])
def test_a_forged_post_of_who_may_only_look_changes_nothing(
    world: World, role: str
) -> None:
    client = in_role(role)
    before = stands()

    for name in ADDRESSES:
        answer = client.post(address(name, world), forged(world))

        # A list without actions is shown as if it had only been read.
        assert answer.status_code in {200, 403, 405}, name
        assert stands() == before, name


def test_a_post_without_a_token_changes_nothing_for_whoever_may(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("boss"))
    before = stands()

    answers = {
        name: client.post(address(name, world), forged(world)).status_code
        for name in ADDRESSES
    }

    assert not offenders(answers, lambda _: {403, 405})
    assert stands() == before


def test_a_visitor_is_sent_to_log_in(world: World, client: Client) -> None:
    for name in ADDRESSES:
        for send in (client.get, client.post):
            answer = send(address(name, world))

            assert answer.status_code == 302, name
            assert "/login/" in answer["Location"], name


def test_the_scheduler_group_may_not_touch_the_shared_rows(world: World) -> None:
    client = in_role(SCHEDULER)
    before = stands()
    rows = [name for name in ADDRESSES if "schedule_" in name.removeprefix(STOCK)]
    rows = [name for name in rows if name.startswith(STOCK)]

    answers = {
        name: client.post(address(name, world), forged(world)).status_code
        for name in rows
    }

    assert len(answers) == len(STOCK_ROWS) * len(STOCK_PAGES)
    assert not offenders(answers, lambda _: {403})
    assert stands() == before
