"""Incidents: what was wrong with the clock, from when to when, and who was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from scheduling.alerts import UNDER_WAY
from scheduling.clock import database_now
from scheduling.formatting import format_duration
from scheduling.incidents import EMAIL_IS_OFF
from scheduling.models import Incident
from scheduling.templatetags import clock

from .filters import ChoiceFilter, column_filter
from .records import LogAdmin
from .timeline import may_see_schedules

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


class OpenFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = [("open", "Open"), ("over", "Over")]
    conditions = {
        "open": lambda: Q(closed_at__isnull=True),
        "over": lambda: Q(closed_at__isnull=False),
    }


@admin.register(Incident)
class IncidentAdmin(LogAdmin):
    view_rights = ("view_incident",)
    page_template = "scheduling/incident.html"
    change_list_template = "scheduling/incident_list.html"
    list_display = ("about", "shown_kind", "state", "opened", "lasted", "told")
    list_filter = (OpenFilter, column_filter("kind", "kind", Incident.Kind.choices))

    @admin.display(description="about")
    def about(self, incident: Incident) -> str:
        return incident.subject

    @admin.display(description="what")
    def shown_kind(self, incident: Incident) -> str:
        return incident.get_kind_display()

    @admin.display(description="state")
    def state(self, incident: Incident) -> SafeString:
        return clock.incident_badge(incident)

    @admin.display(description="since")
    def opened(self, incident: Incident) -> SafeString | str:
        return clock.instant(incident.opened_at)

    @admin.display(description="lasted")
    def lasted(self, incident: Incident) -> str:
        end = incident.closed_at
        return format_duration(end - incident.opened_at) if end else clock.NOTHING

    @admin.display(description="mail")
    def told(self, incident: Incident) -> str:
        return mail_words(incident)

    def describe(self, request: HttpRequest, record: Incident) -> dict[str, Any]:
        until = record.closed_at or database_now()
        return {
            "title": str(record),
            "incident": record,
            "lasted": until - record.opened_at,
            "mail": mail_words(record),
            "may_see_schedule": may_see_schedules(request),
        }


def mail_words(incident: Incident) -> str:
    """Say how far the mail about an incident has come."""
    if not incident.recipients:
        return "Nobody is to be told"
    if incident.mail_error == EMAIL_IS_OFF:
        return "E-mail is off"
    if incident.mail_error.startswith(UNDER_WAY):
        return "Not known whether it arrived"
    if incident.told_closed_at:
        return "Told, and that it is over"
    if incident.mail_error:
        return "Refused; tried again"
    return "Told" if incident.told_opened_at else "To be sent"
