"""What an e-mail about incidents says: pure, from rows to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from scheduling.formatting import format_instant, number_of
from scheduling.models import Incident

Kind = Incident.Kind

#: A mail describes so many incidents, and counts the others.
MOST_INCIDENTS = 50
LONGEST_SUBJECT = 150

REMEDIES = {
    Kind.FAILED: "Read the run's error, mend its cause, then retry the run.",
    Kind.LOST: "See why its worker died, then retry the run.",
    Kind.MISSED: "Read why on the run's page. If it is still wanted, run it now.",
    Kind.LATE: "See whether a beat is alive, and whether anything holds the schedule.",
    Kind.STUCK: "See whether workers are alive, and the broker is.",
    Kind.BROKEN: "Mend what is said above in the schedule's form, or resume it.",
    Kind.NO_BEAT: "Start a beat, or see in its log why it does not start.",
    Kind.NO_WORKER: "Start a worker, or see in its log why it does not start.",
}


@dataclass(frozen=True, kw_only=True)
class Notice:
    """An incident of which the beginning, the end, or both are to be told."""

    incident: Incident
    begins: bool
    ends: bool

    @classmethod
    def of(cls, incident: Incident) -> Notice:
        """Return what of an incident has not been told yet."""
        return cls(
            incident=incident,
            begins=incident.told_opened_at is None,
            ends=not incident.is_open and incident.told_closed_at is None,
        )


def subject_of(notices: Sequence[Notice]) -> str:
    """Return one line, whatever the names of schedules hold."""
    if len(notices) == 1:
        (notice,) = notices
        over = "Over: " if notice.ends else ""
        said = f"{over}{_title(notice.incident)}"
    else:
        ended = sum(notice.ends for notice in notices)
        begun = number_of(len(notices) - ended, "incident")
        said = f"{begun} of the clock" + (f", {ended:,} over" if ended else "")
    return _on_one_line(f"[Order Desk] {said}")[:LONGEST_SUBJECT]


def body_of(notices: Sequence[Notice]) -> str:
    """Return what happened, since when, and what to do: what stands comes first."""
    in_order = sorted(notices, key=lambda notice: (notice.ends, notice.incident.pk))
    parts = [_part(notice) for notice in in_order[:MOST_INCIDENTS]]
    rest = len(notices) - len(parts)
    if rest:
        parts.append(f"And {number_of(rest, 'other incident')}.")
    parts.append(f"The clock's health: {_url('admin:index')}")
    return "\n\n".join(parts) + "\n"


def _part(notice: Notice) -> str:
    incident = notice.incident
    title = f"{'Over: ' if notice.ends else ''}{_title(incident)}"
    since = f"Since {format_instant(incident.opened_at)}"
    if incident.closed_at:
        since += f", until {format_instant(incident.closed_at)}"
    lines = [title, "-" * min(len(title), 72), f"{since}.", incident.message]
    if not notice.ends:
        lines.append(f"What to do: {REMEDIES[Kind(incident.kind)]}")
    return "\n".join([*lines, _page(incident), _runbook_section(incident)])


def _title(incident: Incident) -> str:
    return f"{incident.get_kind_display()}: {_on_one_line(incident.subject)}"


def _page(incident: Incident) -> str:
    if incident.periodic_task_id is None:
        return _url("admin:index")
    return _url(
        "admin:django_celery_beat_periodictask_change", incident.periodic_task_id
    )


def _runbook_section(incident: Incident) -> str:
    anchor = incident.get_kind_display().lower().replace(" ", "-")
    return f"docs/runbook.md#{anchor}"


def _url(name: str, *args: object) -> str:
    return f"{settings.SITE_URL}{reverse(name, args=args)}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
