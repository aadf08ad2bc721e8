"""How the clock's pages write instants, durations and states."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django import template
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling import health
from scheduling.formatting import format_duration, format_instant
from scheduling.models import Incident, Run

register = template.Library()

NOTHING = "—"
GOOD, BAD, BUSY = "good", "bad", "busy"
TONES: dict[str, str] = {
    Run.State.SUCCEEDED: GOOD,
    Run.State.FAILED: BAD,
    Run.State.MISSED: BAD,
    Run.State.LOST: BAD,
    Run.State.RUNNING: BUSY,
    Run.State.QUEUED: BUSY,
    Run.State.PENDING: BUSY,
}


def badge(words: str, tone: str = "") -> SafeString:
    """Return words as a badge; they carry the meaning, the colour only helps."""
    return format_html('<span class="badge {}">{}</span>', tone, words)


@register.filter
def run_badge(run: Run) -> SafeString:
    return badge(run.get_state_display(), TONES.get(run.state, ""))


@register.filter
def incident_badge(incident: Incident) -> SafeString:
    return badge("Open", BAD) if incident.is_open else badge("Over", GOOD)


@register.filter
def instant(at: datetime | None, zone: tzinfo | None = None) -> SafeString | str:
    """Write an instant in a zone, in UTC where none is named."""
    if at is None:
        return NOTHING
    words = format_instant(at, zone) if zone else format_instant(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        format_instant(at),
        words,
    )


@register.filter
def duration(length: timedelta | None) -> str:
    return NOTHING if length is None else format_duration(length)


@register.filter
def pretty_json(value: object) -> str:
    """Write what JSON holds over several lines, as a reader wants it."""
    return json.dumps(
        value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2, sort_keys=True
    )


@register.filter
def kind_of(entry: LogEntry) -> str:
    """Say what an action was done to, in the words of that thing's own pages."""
    key = entry.content_type_id
    about = ContentType.objects.get_for_id(key) if key else None
    model = about.model_class() if about else None
    if model is None or not admin.site.is_registered(model):
        return about.name if about else ""
    return str(admin.site.get_model_admin(model).opts.verbose_name)


@register.inclusion_tag("scheduling/health.html", takes_context=True)
def clock_health(context: Context) -> dict[str, Any]:
    """Show how the clock is to whoever may see runs; nothing to others, no query."""
    user = context["request"].user
    if not user.has_perm("scheduling.view_run"):
        return {"health": None}
    return {
        "health": health.check(),
        "may_see_schedules": user.has_perm("scheduling.view_schedule"),
        "may_see_incidents": user.has_perm("scheduling.view_incident"),
    }
