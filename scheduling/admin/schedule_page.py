"""How the fields of a schedule's form are grouped on its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduling import registry

from . import arguments
from .timing_form import ASKED

if TYPE_CHECKING:
    from django.forms import BoundField

    from .schedule_form import ScheduleForm

ABOUT = ("name", "description", "enabled")
BOUNDS = ("start_time", "expires", "one_off")
RELIABILITY = (
    *("catch_up", "catch_up_window", "expire_seconds", "overlap", "jitter"),
    *("max_attempts", "time_limit"),
)
ALERTS = ("alert_after", "pause_after_failures", "owner_email")


@dataclass(frozen=True)
class Group:
    """Fields that are shown together, and for which choice they are asked."""

    fields: list[BoundField]
    choice: str = ""
    heading: str = ""
    doc: str = ""


@dataclass(frozen=True)
class Groups:
    """The page's sections, from top to bottom."""

    about: Group
    task: Group
    arguments: list[Group]
    kind: Group
    timings: list[Group]
    bounds: Group
    reliability: Group
    alerts: Group
    now: Group


_KIND_HEADINGS = {
    "crontab": "Crontab",
    "interval": "Interval",
    "solar": "Solar event",
    "clocked": "Clocked",
}


def groups_of(form: ScheduleForm) -> Groups:
    def group(*names: str, **about: str) -> Group:
        fields = [form[name] for name in names if name in form.fields]
        return Group(fields, **about)

    return Groups(
        about=group(*ABOUT),
        task=group("task"),
        arguments=[
            group(
                *(arguments.name_of(task, one) for one in task.parameters),
                choice=task.name,
                heading=task.summary or task.name,
                doc=task.doc,
            )
            for task in registry.all_tasks()
        ],
        kind=group("kind"),
        timings=[
            group(*names, choice=kind, heading=_KIND_HEADINGS[kind])
            for kind, names in ASKED.items()
        ],
        bounds=group(*BOUNDS),
        reliability=group(*RELIABILITY),
        alerts=group(*ALERTS),
        now=group("run_now"),
    )
