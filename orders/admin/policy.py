"""Policies that close old orders, with what each would do today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import models

from orders.autoclose.due import load_rules
from orders.models import ClosePolicy, Order
from scheduling.admin.inputs import DurationField
from scheduling.admin.records import RecordAdmin
from scheduling.clock import database_now
from scheduling.durations import written

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def _duration(name: str) -> DurationField:
    column = ClosePolicy._meta.get_field(name)  # noqa: SLF001 - Django's public API
    assert isinstance(column, models.Field)  # noqa: S101 - columns are fields
    initial = column.default if column.has_default() else None
    return DurationField(
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
        )
        help_texts = {
            "match_payment_mode": "Empty: any. It outranks the source.",
            "match_source": "Empty: any.",
        }


@admin.register(ClosePolicy)
class ClosePolicyAdmin(RecordAdmin):
    """Policies cannot be deleted: a disabled one means "never" for what it matches."""

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
            grace = written(policy.grace)
            return f"{written(policy.after)}, and {grace} beyond the due date"
        return written(policy.after)

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
