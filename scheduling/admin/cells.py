"""What a line of the list of schedules says, cell by cell. No cell makes a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_celery_beat.models import PeriodicTask

from scheduling import registry, timing
from scheduling.changes import THE_CLOCK
from scheduling.formatting import format_duration, format_instant
from scheduling.models import Run, Schedule
from scheduling.policy import ON_TIME
from scheduling.slots import InvalidTimingError
from scheduling.slots.zones import zone_named
from scheduling.templatetags.clock import BAD, BUSY, GOOD, badge, run_badge

from .asking import question_url
from .questions import QUESTIONS, Question
from .recent import strip, timings
from .records import may
from .run import RunAdmin

if TYPE_CHECKING:
    from django.http import HttpRequest


@dataclass(frozen=True)
class Links:
    """What the reader of the list may do, and how the list is found again."""

    offered: tuple[Question, ...]
    sees_runs: bool
    back: str

    @classmethod
    def for_list(cls, request: HttpRequest) -> Links:
        user = request.user
        return cls(
            tuple(one for one in QUESTIONS.values() if one.permitted(user)),
            may(user, *RunAdmin.view_rights),
            request.META.get("QUERY_STRING", ""),
        )


@dataclass(frozen=True)
class Line:
    """One schedule of the list, its newest runs first, at one instant."""

    task: PeriodicTask
    runs: list[Run]
    now: datetime
    links: Links

    @property
    def clock(self) -> Schedule | None:
        """Return the clock's side; None where no beat has seen the schedule yet."""
        return getattr(self.task, "clock", None)

    @property
    def zone(self) -> tzinfo:
        """Return the schedule's own zone, which is the business's if it has none."""
        try:
            return zone_named(self.task.crontab_zone or settings.BUSINESS_TIME_ZONE)
        except InvalidTimingError:
            return UTC

    @property
    def is_paused(self) -> bool:
        return self.clock is not None and self.clock.is_paused_at(self.now)


def what(line: Line) -> SafeString:
    """Say a schedule's name, and what its task does."""
    known = registry.find(line.task.task)
    says = known.summary if known else line.task.task
    return format_html('{}<span class="about">{}</span>', line.task.name, says)


def when(line: Line) -> str:
    return timing.in_words(line.task)


def next_run(line: Line) -> SafeString:
    """Say whether it is on, what keeps it from running if not, and when it runs."""
    return format_html("{}<div>{}</div>", _state(line), _next_slot(line))


def _state(line: Line) -> SafeString:
    clock = line.clock
    if not line.task.enabled:
        return badge("Disabled")
    if clock is None or not line.is_paused:
        return badge("On", GOOD)
    if clock.paused_by == THE_CLOCK:
        return _explained(badge("Stopped", BAD), clock.pause_reason)
    until = ""
    if clock.paused_until:
        until = f" until {_in_zone(line, clock.paused_until)}"
    why = f"By {clock.paused_by}{until}: {clock.pause_reason}"
    return _explained(badge("Paused", BUSY), why)


def _explained(shown: SafeString, why: str) -> SafeString:
    return format_html(
        '{}<span class="about reason" title="{}">{}</span>', shown, why, why
    )


def _next_slot(line: Line) -> SafeString | str:
    """Say the next slot in the schedule's zone, and how long it is until then."""
    slot = line.clock.next_slot if line.clock else None
    if slot is None:
        return _nothing_to_come(line)
    return format_html(
        '<time datetime="{}" title="{}">{}</time><span class="about">{}</span>',
        slot.isoformat(),
        format_instant(slot),
        _in_zone(line, slot),
        _distance(slot - line.now),
    )


def _distance(wait: timedelta) -> SafeString | str:
    if wait > timedelta(0):
        return f"in {format_duration(wait)}"
    if -wait < ON_TIME:
        return "due now"
    return badge(f"overdue by {format_duration(-wait)}", BAD)


def _nothing_to_come(line: Line) -> SafeString | str:
    # A page that saves one makes the clock's side of it, and leaves its slots to beat.
    if line.clock is None or not line.clock.fingerprint:
        why = "not seen by beat yet"
    elif line.task.enabled and not line.is_paused:
        why = "nothing to come"
    else:
        return ""
    return format_html('<span class="about">{}</span>', why)


def _in_zone(line: Line, instant: datetime) -> str:
    return f"{instant.astimezone(line.zone):%Y-%m-%d %H:%M %Z}"


def last_runs(line: Line) -> SafeString:
    """Say how the newest run went, above the strip of those before it."""
    if not line.runs:
        return format_html('<span class="quiet">{}</span>', "has not run yet")
    newest = line.runs[0]
    at = newest.slot or newest.created_at
    ago = format_duration(line.now - at)
    return format_html(
        '{} <time datetime="{}" title="{}">{} ago</time>'
        '<span class="about">{}</span>{}',
        run_badge(newest),
        at.isoformat(),
        format_instant(at),
        ago,
        ", ".join(timings(newest)),
        strip(line.runs, linked=line.links.sees_runs),
    )


def buttons(line: Line) -> SafeString:
    """Return links to what the reader may do with this schedule now."""
    key = line.task.pk
    back = line.links.back
    links = [(question_url(one, key, back), one.label) for one in _offered(line)]
    if line.links.sees_runs:
        runs = reverse("admin:scheduling_run_changelist")
        links.append((f"{runs}?{urlencode({'schedule': key})}", "Runs"))
    named = ((url, f"{label}: {line.task.name}", label) for url, label in links)
    row = format_html_join(
        "", '<a class="button" href="{}" aria-label="{}">{}</a>', named
    )
    return format_html('<div class="row-buttons">{}</div>', row)


def _offered(line: Line) -> list[Question]:
    """Return the questions that make sense: what is paused is resumed."""
    senseless = "pause" if line.is_paused else "resume"
    return [one for one in line.links.offered if one.name != senseless]
