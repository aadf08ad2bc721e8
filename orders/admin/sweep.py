"""Sweeps: what each did, and the buttons that start and approve them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from orders import autoclose
from orders.exceptions import OrderError
from orders.models import AutoCloseRun, ClosePolicy, Order
from orders.tasks import enqueue
from orders.templatetags import desk
from scheduling.admin.records import PageAdmin
from scheduling.templatetags.clock import NOTHING

from .filters import SWEEP_FILTERS
from .rights import actor, may

if TYPE_CHECKING:
    from uuid import UUID

    from django.utils.safestring import SafeString

State = AutoCloseRun.State
RUN, APPROVE = "run_autoclose", "approve_autoclose"
#: The columns of a policy's row, as the summary names them.
COUNTS = {
    "candidates": "Due",
    "changed": "Changed",
    "skipped_locked": "Locked by others",
    "no_longer_due": "No longer due",
    "failed": "Failed",
    "remaining": "Remaining",
}
BLOCKS = {
    "held": "Held",
    "exempt": "Exempt",
    "pending_payment": "Payment pending",
    "open_return": "Return open",
}
MOST_ERRORS = 50
BROKER_AWAY = (
    "The queue cannot be reached at the moment. The sweep is recorded, and is executed"
    " with the next scheduled one at the latest."
)


@admin.register(AutoCloseRun)
class AutoCloseRunAdmin(PageAdmin):
    page_template = "orders/sweep.html"
    view_rights = ("view_autocloserun", RUN, APPROVE)
    list_display = (
        "started",
        "trigger",
        "asked_by",
        "mode",
        "shown_state",
        "changed",
        "progress",
    )
    list_filter = SWEEP_FILTERS
    sortable_by = ()
    change_list_template = "orders/sweep_list.html"

    @admin.display(description="when")
    def started(self, run: AutoCloseRun) -> str:
        return desk.instant(run.created_at)

    @admin.display(description="requested by")
    def asked_by(self, run: AutoCloseRun) -> str:
        return run.actor_label or run.actor_kind

    @admin.display(description="mode")
    def mode(self, run: AutoCloseRun) -> str:
        return "dry run" if run.dry_run else "for real"

    @admin.display(description="state")
    def shown_state(self, run: AutoCloseRun) -> SafeString:
        return desk.sweep_badge(run)

    @admin.display(description="changed")
    def changed(self, run: AutoCloseRun) -> str:
        return str(run.summary.get("changed", NOTHING))

    @admin.display(description="progress")
    def progress(self, run: AutoCloseRun) -> str:
        return f"{run.progress_done} of {run.progress_total}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        mine = [
            path("start/", view(self.start_view), name="orders_autocloserun_start"),
            path(
                "<uuid:run_id>/approve/",
                view(self.approve_view),
                name="orders_autocloserun_approve",
            ),
        ]
        return mine + super().get_urls()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rights = {"may_run": may(request.user, RUN)}
        return super().changelist_view(request, rights | (extra_context or {}))

    def describe(self, request: HttpRequest, record: AutoCloseRun) -> dict[str, Any]:
        may_approve = may(request.user, APPROVE) and _waits_for_approval(record)
        return describe_run(record) | {
            "title": str(record),
            "may_approve": may_approve,
        }

    @method_decorator(require_POST)
    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Ask a worker for a sweep over all policies, or for its dry run."""
        if not may(request.user, RUN):
            raise PermissionDenied
        run = autoclose.start_run(
            by=actor(request),
            trigger=AutoCloseRun.Trigger.MANUAL,
            dry_run=request.POST.get("dry_run") == "yes",
        )
        messages.success(request, "The sweep is queued. This page shows its progress.")
        return _enqueue_and_show(request, run)

    @method_decorator(require_POST)
    def approve_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Let a sweep close what it counted but was not allowed to close."""
        if not may(request.user, APPROVE):
            raise PermissionDenied
        run = self.get_object(request, str(run_id))
        if run is None:
            return self.show_unknown(request)
        try:
            approved = autoclose.approve(run, by=actor(request))
        except OrderError as error:
            messages.error(request, str(error))
            return _show(run)
        messages.success(request, "Approved. This page shows the sweep's progress.")
        return _enqueue_and_show(request, approved)


def _waits_for_approval(run: AutoCloseRun) -> bool:
    return run.state == State.NEEDS_APPROVAL and not run.approved_at and not run.dry_run


def _show(run: AutoCloseRun) -> HttpResponseRedirect:
    return HttpResponseRedirect(
        reverse("admin:orders_autocloserun_change", args=[run.pk])
    )


def _enqueue_and_show(request: HttpRequest, run: AutoCloseRun) -> HttpResponse:
    def enqueue_or_warn() -> None:
        if not enqueue(run.pk):
            messages.warning(request, BROKER_AWAY)

    transaction.on_commit(enqueue_or_warn)
    return _show(run)


def describe_run(run: AutoCloseRun) -> dict[str, Any]:
    """Return what the page of a sweep takes."""
    policies = run.summary.get("policies", {})
    return {
        "run": run,
        "goes_on": run.state in (State.QUEUED, State.RUNNING),
        "headings": [*COUNTS.values(), *BLOCKS.values()],
        "rows": [
            (
                ClosePolicy.Kind(kind).label,
                [counts[name] for name in COUNTS],
                [counts["blocked"][name] for name in BLOCKS],
                counts["needs_approval"],
            )
            for kind in run.kinds
            if (counts := policies.get(kind))
        ],
        "waiting": sum(run.allowances.values()),
        "errors": _errors(run),
        "more_errors": max(0, len(run.summary.get("errors", [])) - MOST_ERRORS),
        "followed_by": run.followed_by.order_by("created_at"),
    }


def _errors(run: AutoCloseRun) -> list[tuple[Order | None, str]]:
    told = run.summary.get("errors", [])[:MOST_ERRORS]
    orders = Order.objects.only("number").in_bulk([error["order"] for error in told])
    by_key = {str(pk): order for pk, order in orders.items()}
    return [(by_key.get(error["order"]), error["error"]) for error in told]
