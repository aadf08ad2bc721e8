"""Policies that close old orders, with what each would do today."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models

from orders.autoclose.due import load_rules
from orders.models import ClosePolicy, Order
from scheduling.clock import database_now

from .records import RecordAdmin

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: The arithmetic of instants holds for so long, and nobody waits longer.
LONGEST = timedelta(days=3650)
UNITS = {"d": "days", "h": "hours", "m": "minutes"}
PART = re.compile(r"([0-9]{1,6})\s*(d|h|m)[a-z]*", re.ASCII)


def spoken_duration(duration: timedelta) -> str:
    """Write a duration as it may be typed: ``3 days 12 hours``."""
    hours, rest = divmod(duration.seconds, 3600)
    counts = {"day": duration.days, "hour": hours, "minute": rest // 60}
    spoken = [f"{n} {unit}{'s' * (n != 1)}" for unit, n in counts.items() if n]
    return " ".join(spoken) or "0 days"


class SpokenDurationField(forms.CharField):
    """Takes ``3 days``, ``36 hours``, ``14 d 12 h``, ``90 minutes``."""

    widget = forms.TextInput

    def prepare_value(self, value: object) -> object:
        return spoken_duration(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").lower()
        parts = PART.findall(text)
        if not parts or PART.sub("", text).strip(" ,"):
            raise ValidationError("Write it as 3 days, 36 hours or 2 days 12 hours.")
        counts = [timedelta(**{UNITS[unit]: int(count)}) for count, unit in parts]
        duration = sum(counts, timedelta(0))
        if duration > LONGEST:
            raise ValidationError(f"It is longer than {LONGEST.days} days.")
        return duration


def _duration(name: str) -> SpokenDurationField:
    column = ClosePolicy._meta.get_field(name)  # noqa: SLF001 - Django's public API
    assert isinstance(column, models.Field)  # noqa: S101 - columns are fields
    initial = column.default if column.has_default() else None
    return SpokenDurationField(
        help_text=f"{column.help_text} In days and hours: 14 days, 36 hours.",
        initial=initial,
    )


class ClosePolicyForm(forms.ModelForm):  # type: ignore[type-arg] # as RecordAdmin
    after = _duration("after")
    grace = _duration("grace")
    pending_wait = _duration("pending_wait")

    class Meta:
        model = ClosePolicy
        fields = (
            "kind",
            "match_payment_mode",
            "match_source",
            "enabled",
            "after",
            "grace",
            "pending_wait",
            "surge_limit",
            "notify_customer",
        )
        help_texts = {
            "match_payment_mode": "Empty: any. It outranks the source.",
            "match_source": "Empty: any.",
        }


@admin.register(ClosePolicy)
class ClosePolicyAdmin(RecordAdmin):
    """No policy is deleted: a disabled one says never, and keeps its place."""

    change_right = "change_closepolicy"
    view_rights = ("view_closepolicy", change_right)
    form = ClosePolicyForm
    list_display = ("__str__", "enabled", "waits", "surge_limit")
    sortable_by = ()
    change_form_template = "orders/policy.html"
    save_on_top = False

    @admin.display(description="waits")
    def waits(self, policy: ClosePolicy) -> str:
        if policy.kind == ClosePolicy.Kind.UNPAID and policy.grace:
            grace = spoken_duration(policy.grace)
            return f"{spoken_duration(policy.after)}, and {grace} beyond the due date"
        return spoken_duration(policy.after)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        change: bool = False,  # noqa: FBT001, FBT002 - as above
        form_url: str = "",
        obj: ClosePolicy | None = None,
    ) -> HttpResponse:
        if obj and obj.pk:
            context["today"] = due_today(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)


def due_today(policy: ClosePolicy) -> int | None:
    """Count what a sweep at this moment would close by a policy as it is saved.

    None for one that is disabled.
    """
    cutoff = database_now()
    for rule in load_rules([policy.kind]):
        if rule.policy.pk == policy.pk:
            return Order.objects.filter(rule.candidates(cutoff)).count()
    return None
