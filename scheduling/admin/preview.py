"""The next slots of what is entered in the form so far, be it whole or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django_celery_beat.models import PeriodicTask

from scheduling import timing
from scheduling.definitions import KINDS
from scheduling.formatting import format_instant
from scheduling.models import Schedule
from scheduling.outlook import Outlook, look_ahead
from scheduling.validity import problems_of

from .schedule_form import data_of
from .timing_form import TimingForm

LARGEST_KEY = 2**31 - 1


@dataclass(frozen=True)
class Line:
    """One slot, as the zone of the schedule and as UTC shows it."""

    local: str
    utc: str
    note: str


@dataclass(frozen=True)
class Preview:
    """What the page shows of the slots to come, or what is wrong with the entry."""

    words: str = ""
    zone: str = "UTC"
    lines: tuple[Line, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Return what is read out while somebody types: one sentence."""
        if self.errors:
            return next(iter(self.errors.values()))[0]
        if not self.lines:
            return f"{self.words}: no slot is to come."
        return f"{self.words}: next at {self.lines[0].local}."

    def as_json(self) -> dict[str, Any]:
        return {
            "summary": self.summary,
            "zone": self.zone,
            "slots": [vars(line) for line in self.lines],
            "warnings": list(self.warnings),
            "errors": dict(self.errors),
        }


def of_form(form: forms.BaseForm, now: datetime) -> Preview:
    """Return the preview of a form as it is shown, be it sent already or not."""
    data = form.data if form.is_bound else data_of(form)
    known = form.instance.pk if isinstance(form, forms.ModelForm) else None
    return _preview(data, known, now)


def of_data(data: QueryDict, now: datetime) -> Preview:
    """Return the preview of what a browser sends, whatever that is."""
    return _preview(data, _key(data.get("of", "")), now)


def _preview(data: Mapping[str, Any], known: int | None, now: datetime) -> Preview:
    clock = Schedule.objects.filter(pk=known).first() if known else None
    form = TimingForm(data)
    form.anchor = clock.anchor if clock else now
    if not form.is_valid() or form.timing is None:
        wrong = {name: list(map(str, said)) for name, said in form.errors.items()}
        return Preview(errors=wrong)
    task = form.task_with_timing()
    if problems := _problems(task, form, data):
        return Preview(errors={"kind": problems})
    outlook = look_ahead(form.timing, now=now, runs_of=clock)
    return Preview(
        words=timing.in_words(task),
        zone=outlook.zone.key,
        lines=tuple(_lines(outlook)),
        warnings=outlook.warnings,
    )


def _problems(
    task: PeriodicTask, form: TimingForm, data: Mapping[str, Any]
) -> list[str]:
    """Return what the chosen task forbids: slots that are too close together."""
    task.task = data.get("task", "")
    found = problems_of(task, form.timing)
    return [problem.message for problem in found if problem.field in KINDS]


def _lines(outlook: Outlook) -> list[Line]:
    return [
        Line(
            f"{slot.at.astimezone(outlook.zone):%a} "
            f"{format_instant(slot.at, outlook.zone)}",
            format_instant(slot.at),
            slot.note,
        )
        for slot in outlook.slots
    ]


def _key(text: str) -> int | None:
    is_key = text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_KEY))
    return int(text) if is_key and int(text) <= LARGEST_KEY else None
