"""What is wrong with the clock, kept as rows that open, go on and close.

A watch reports all its findings at once; an open incident without one is over. A unique
constraint lets one incident be open for each kind and subject.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Concat, Greatest
from django_celery_beat.models import PeriodicTask

from scheduling.changes import THE_CLOCK
from scheduling.models import Incident, Schedule

logger = logging.getLogger(__name__)

Kind = Incident.Kind

#: These often end by themselves: they are told if they still stand after so long,
#: and what broke at once is by then in one mail.
SETTLING = timedelta(seconds=60)
SETTLING_KINDS = (Kind.LATE, Kind.STUCK, Kind.MISSED, Kind.NO_BEAT, Kind.NO_WORKER)
#: How the last run of a schedule ended. One incident goes on from one to the other.
NO_GOOD_END = (Kind.FAILED, Kind.LOST, Kind.MISSED)

EMAIL_IS_OFF = "E-mail is off: EMAIL_URL is not set."
NOBODY_TO_TELL = (
    "Nobody is told: the schedule has no owner, and SCHEDULING_ALERT_EMAILS is empty."
)
OVER = {
    Kind.FAILED: "A later run has succeeded.",
    Kind.LOST: "A later run has succeeded.",
    Kind.MISSED: "A later run has succeeded.",
    Kind.LATE: "Its slots are being taken up again.",
    Kind.STUCK: "No run of it is stuck any more.",
    Kind.BROKEN: "It can run again.",
    Kind.NO_BEAT: "A beat is at work again.",
    Kind.NO_WORKER: "A worker is at work again.",
}

BATCH_SIZE = 1000

Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong now, with the schedule ``subject`` or with the clock."""

    kind: Incident.Kind
    subject: str
    message: str
    task_id: int | None = None
    owner_email: str = ""

    @property
    def key(self) -> Key:
        return (self.kind, self.subject)


def reconcile(
    findings: Iterable[Finding],
    *,
    now: datetime,
    not_opening: Collection[Incident.Kind] = (),
) -> None:
    """Let exactly those incidents be open that have a finding.

    Idempotent; of two at once, each finds done what the other did. Kinds in
    ``not_opening`` go on and close, and do not open: something else explains them.
    """
    standing = {_key(one): one for one in Incident.objects.filter(closed_at=None)}
    found = {finding.key: finding for finding in _as_standing(findings, standing)}
    _close([one for key, one in standing.items() if key not in found], now)
    _refresh({standing[key]: found[key] for key in found if key in standing}, now)
    _open(
        [
            finding
            for key, finding in found.items()
            if key not in standing and finding.kind not in not_opening
        ],
        now,
    )


def _key(incident: Incident) -> Key:
    return (incident.kind, incident.subject)


def _as_standing(
    findings: Iterable[Finding], standing: Collection[Key]
) -> list[Finding]:
    """Give a bad end the kind of the incident that it goes on with.

    A schedule that fails, and is missed the next time, has not been mended between.
    """
    return [
        replace(finding, kind=_standing_kind(finding, standing))
        if finding.kind in NO_GOOD_END
        else finding
        for finding in findings
    ]


def _standing_kind(finding: Finding, standing: Collection[Key]) -> Incident.Kind:
    stands = (kind for kind in NO_GOOD_END if (kind, finding.subject) in standing)
    return next(stands, finding.kind)


def _open(findings: list[Finding], now: datetime) -> None:
    if not findings:
        return
    Incident.objects.bulk_create(
        [_incident(finding, now) for finding in findings],
        ignore_conflicts=True,
        batch_size=BATCH_SIZE,
    )
    logger.warning("incidents_opened", extra={"count": len(findings)})


def _incident(finding: Finding, now: datetime) -> Incident:
    recipients = _recipients(finding)
    settling = SETTLING if finding.kind in SETTLING_KINDS else timedelta(0)
    return Incident(
        kind=finding.kind,
        subject=finding.subject,
        message=finding.message,
        periodic_task_id=finding.task_id,
        opened_at=now,
        seen_at=now,
        recipients=recipients,
        mail_after=now + settling,
        mail_error=_why_nobody_is_told(recipients),
    )


def _recipients(finding: Finding) -> list[str]:
    if finding.owner_email:
        return [finding.owner_email]
    return list(settings.SCHEDULING_ALERT_EMAILS)


def _why_nobody_is_told(recipients: Collection[str]) -> str:
    if not settings.EMAIL_IS_ON:
        return EMAIL_IS_OFF
    return "" if recipients else NOBODY_TO_TELL


def _refresh(found: dict[Incident, Finding], now: datetime) -> None:
    """Note that these still stand, and what is to be said of them now."""
    if not found:
        return
    Incident.objects.filter(pk__in=[one.pk for one in found], closed_at=None).update(
        seen_at=now
    )
    changed = []
    for incident, finding in found.items():
        says = (finding.message, finding.task_id)
        if says != (incident.message, incident.periodic_task_id):
            incident.message, incident.periodic_task_id = says
            changed.append(incident)
    Incident.objects.bulk_update(
        changed, ["message", "periodic_task"], batch_size=BATCH_SIZE
    )


def _close(incidents: list[Incident], now: datetime) -> None:
    """Close them, each with the sentence that says why it is over."""
    if not incidents:
        return
    for ending, keys in _endings(incidents).items():
        # One that somebody else closed meanwhile keeps what he wrote.
        Incident.objects.filter(pk__in=keys, closed_at=None).update(
            closed_at=Greatest(Value(now), F("opened_at")),
            message=Concat(F("message"), Value(f"\n{ending}")),
        )
    logger.info("incidents_closed", extra={"count": len(incidents)})


def _endings(incidents: list[Incident]) -> dict[str, list[int]]:
    """Return the incidents by what is to be said of their end; one query."""
    ids = {one.periodic_task_id for one in incidents if one.periodic_task_id}
    tasks = PeriodicTask.objects.select_related("clock").in_bulk(ids)
    endings: dict[str, list[int]] = {}
    for incident in incidents:
        endings.setdefault(_ending(incident, tasks), []).append(incident.pk)
    return endings


def _ending(incident: Incident, tasks: dict[int, PeriodicTask]) -> str:
    """Say why an incident is over: staff set the schedule aside, or it is mended."""
    mended = OVER[Kind(incident.kind)]
    if incident.kind in (Kind.NO_BEAT, Kind.NO_WORKER):
        return mended
    task = tasks.get(incident.periodic_task_id or 0)
    if task is None:
        return "The schedule has been deleted."
    if task.name != incident.subject:
        return f"The schedule is called “{task.name}” now."
    if not task.enabled:
        return "The schedule has been switched off."
    schedule: Schedule | None = getattr(task, "clock", None)
    if schedule and schedule.is_paused and schedule.paused_by != THE_CLOCK:
        return (
            f"The schedule has been paused by {schedule.paused_by}:"
            f" {schedule.pause_reason}"
        )
    return mended
