"""Tell of incidents by e-mail: once when one begins, and once when it is over.

The road of a mail: claim its rows → connect → note it as told → send. Nothing is sent
within a transaction. A process that dies before the note has sent nothing, and another
takes its rows up when the claim is over. After the note nobody sends it again: where a
server is lost in the middle, whether the mail went out is not known, and the row says
so to staff.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from smtplib import (
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from scheduling.clock import database_now
from scheduling.incidents import SETTLING, SETTLING_KINDS
from scheduling.mail_text import Notice, body_of, subject_of
from scheduling.models import Incident

logger = logging.getLogger(__name__)

#: Longer than a dialogue with a server takes whose every answer comes late.
CLAIM = timedelta(minutes=5)
#: A mail that was refused is tried again when as much time has passed as it is old.
SHORTEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=30)
#: Nobody gets more; what comes beyond is in the first mail of the next hour.
MAILS_AN_HOUR = 6
#: The end of an incident is news for a day.
REPORT_END_WITHIN = timedelta(days=1)
INCIDENTS_A_TURN = 5000

#: The server has said no, or was asked nothing: no mail went out.
REFUSALS = (
    SMTPResponseException,
    SMTPRecipientsRefused,
    SMTPNotSupportedError,
    ValueError,
)
UNDER_WAY = (
    "A mail was begun, and whether it arrived is not known. It is not sent again."
)

Recipients = tuple[str, ...]


def tell_incidents() -> None:
    """Send what is to be told, one mail for the same people.

    What a server refuses is tried again later; nothing is raised for it.
    """
    groups = _claim() if settings.EMAIL_IS_ON else {}
    if not groups:
        return
    server: Any = get_connection()
    try:
        server.open()
    except (OSError, SMTPException) as error:
        _put_off([one for group in groups.values() for one in group], error)
    else:
        _tell_all(server, groups)
    finally:
        _disconnect(server)


def _tell_all(server: Any, groups: dict[Recipients, list[Incident]]) -> None:  # noqa: ANN401 - as Django's backends are
    """Send mail after mail, up to the first that the server did not take.

    The connection is none any more by then, or the server wants to be left alone.
    """
    while groups:
        to = next(iter(groups))
        if not _tell(server, to, groups.pop(to)):
            break
    _set([one for group in groups.values() for one in group], mail_after=Now())


def _claim() -> dict[Recipients, list[Incident]]:
    """Take what is to be told out of others' reach for a while, by who is told."""
    with transaction.atomic():
        now = database_now()
        due = _to_tell(now).order_by("pk").select_for_update(skip_locked=True)
        groups: dict[Recipients, list[Incident]] = {}
        for incident in due[:INCIDENTS_A_TURN]:
            groups.setdefault(tuple(incident.recipients), []).append(incident)
        for recipients in _at_hourly_limit(now) if groups else ():
            groups.pop(recipients, None)
        mine = [one for group in groups.values() for one in group]
        _set(mine, mail_after=now + CLAIM)
    for incident in mine:
        incident.mail_after = now + CLAIM
    return groups


def _to_tell(now: datetime) -> QuerySet[Incident]:
    """Return the incidents with something to tell; not those of a moment."""
    passed_by = Q(
        told_opened_at=None,
        kind__in=SETTLING_KINDS,
        closed_at__lt=F("opened_at") + SETTLING,
    )
    return Incident.objects.filter(
        Q(told_opened_at=None) | Q(closed_at__isnull=False),
        Q(closed_at=None) | Q(closed_at__gt=now - REPORT_END_WITHIN),
        told_closed_at=None,
        mail_after__lte=now,
    ).exclude(Q(recipients=[]) | passed_by)


def _at_hourly_limit(now: datetime) -> list[Recipients]:
    """Return who has got as many mails as there are in an hour."""
    lately = now - timedelta(hours=1)
    mails: dict[Recipients, set[datetime]] = {}
    told = Incident.objects.filter(
        Q(told_opened_at__gt=lately) | Q(told_closed_at__gt=lately)
    ).order_by()
    rows = told.values_list("recipients", "told_opened_at", "told_closed_at")
    for recipients, *instants in rows.distinct():
        sent = mails.setdefault(tuple(recipients), set())
        sent |= {instant for instant in instants if instant and instant > lately}
    return [to for to, sent in mails.items() if len(sent) >= MAILS_AN_HOUR]


def _tell(server: Any, to: Recipients, group: list[Incident]) -> bool:  # noqa: ANN401 - as above
    """Send one mail about these incidents; return whether the next may follow."""
    notices = _note_as_told(group)
    if not notices:
        return True
    message = EmailMessage(
        subject_of(notices),
        body_of(notices),
        to=to,
        headers={"Auto-Submitted": "auto-generated"},
        connection=server,
    )
    try:
        message.send()
    except REFUSALS as error:
        _take_back(notices, error)
        return False
    except (OSError, SMTPException) as error:
        _note_as_uncertain(notices, error)
        return False
    _set(_incidents(notices), mail_error="", mail_after=Now())
    logger.info("alert_sent", extra={"incidents": len(notices), "recipients": len(to)})
    return True


def _note_as_told(group: Collection[Incident]) -> list[Notice]:
    """Note as told what is still ours, as it is now; return what that is."""
    claims = {one.pk: one.mail_after for one in group}
    with transaction.atomic():
        now = database_now()
        rows = Incident.objects.filter(pk__in=claims).order_by("pk")
        mine = [
            one for one in rows.select_for_update() if one.mail_after == claims[one.pk]
        ]
        notices = [Notice.of(one) for one in mine]
        _set(_beginning(notices), told_opened_at=now)
        _set(_ending(notices), told_closed_at=now)
        _set(mine, mail_error=UNDER_WAY)
    return [notice for notice in notices if notice.begins or notice.ends]


def _take_back(notices: list[Notice], error: Exception) -> None:
    """Note as not told what was refused, to be tried again later."""
    _set(_beginning(notices), told_opened_at=None)
    _set(_ending(notices), told_closed_at=None)
    _put_off(_incidents(notices), error)


def _incidents(notices: Iterable[Notice]) -> list[Incident]:
    return [notice.incident for notice in notices]


def _beginning(notices: Iterable[Notice]) -> list[Incident]:
    return [notice.incident for notice in notices if notice.begins]


def _ending(notices: Iterable[Notice]) -> list[Incident]:
    return [notice.incident for notice in notices if notice.ends]


def _put_off(incidents: list[Incident], error: Exception) -> None:
    """Try again later, and say why to staff; what is told is the same then."""
    now = database_now()
    for incident in incidents:
        age = now - (incident.closed_at or incident.opened_at)
        wait = min(max(age, SHORTEST_WAIT), LONGEST_WAIT)
        incident.mail_after = now + wait
        incident.mail_error = f"It was not sent. {_said(error)}"
    Incident.objects.bulk_update(
        incidents, ["mail_after", "mail_error"], batch_size=1000
    )
    _log("alert_not_sent", error, incidents)


def _note_as_uncertain(notices: list[Notice], error: Exception) -> None:
    incidents = _incidents(notices)
    _set(incidents, mail_error=f"{UNDER_WAY} {_said(error)}", mail_after=Now())
    _log("alert_uncertain", error, incidents)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _log(event: str, error: Exception, incidents: Collection[Incident]) -> None:
    """Log the kind of error alone: what servers say holds addresses."""
    fields = {"error": type(error).__name__, "incidents": len(incidents)}
    logger.warning(event, extra=fields)


def _set(incidents: Iterable[Incident], **values: object) -> None:
    Incident.objects.filter(pk__in=[one.pk for one in incidents]).update(**values)


def _disconnect(server: Any) -> None:  # noqa: ANN401 - as Django's backends are
    """Take leave; a server that is not there for it has what it was sent."""
    try:
        server.close()
    except (OSError, SMTPException) as error:
        _log("alert_disconnect_failed", error, ())
