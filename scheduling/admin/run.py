"""Runs: the list of what became of each slot, and the page of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

from scheduling import manual
from scheduling.exceptions import AlreadyRequested, ClockError
from scheduling.models import Run
from scheduling.templatetags import clock

from .records import LogAdmin, may, may_not, post_alone
from .run_filters import RUN_FILTERS
from .run_page import describe_run, report_progress
from .timeline import may_see_schedules, show_timeline

if TYPE_CHECKING:
    from django.core.exceptions import PermissionDenied
    from django.db.models import QuerySet
    from django.utils.safestring import SafeString

VIEW, RETRY = "view_run", "retry_run"
#: So many schedules of a like name are searched for their runs.
MOST_FOUND = 200
#: Columns that may be large, and that only a run's own page shows.
LARGE = ("args", "kwargs", "result", "error", "traceback", "reason")


@admin.register(Run)
class RunAdmin(LogAdmin):
    view_rights = (VIEW, RETRY)
    page_template = "scheduling/run.html"
    change_list_template = "scheduling/run_list.html"
    list_display = (
        "schedule",
        "due",
        "shown_state",
        "lateness",
        "duration",
        "worker_name",
        "attempts",
        "asked_by",
    )
    list_filter = RUN_FILTERS
    # Shows the search box; get_search_results decides what is found.
    search_fields = ("name",)
    search_help_text = "Name of a schedule, or a run's id"

    # The list ------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return runs.defer(*LARGE) if is_list else runs

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Run],
        search_term: str,
    ) -> tuple[QuerySet[Run], bool]:
        """Look among the schedules, of which there are few, not among the runs."""
        if not search_term:
            return queryset, False
        named = PeriodicTask.objects.filter(name__icontains=search_term)
        keys = list(named.order_by("pk").values_list("pk", flat=True)[:MOST_FOUND])
        found = Q(periodic_task__in=keys) | Q(pk=_run_id(search_term))
        return queryset.filter(found), False

    @admin.display(description="schedule")
    def schedule(self, run: Run) -> str:
        return run.name

    @admin.display(description="slot, or asked for")
    def due(self, run: Run) -> SafeString | str:
        at = clock.instant(run.slot or run.created_at)
        return at if run.slot else format_html("{} {}", at, run.get_trigger_display())

    @admin.display(description="state")
    def shown_state(self, run: Run) -> SafeString:
        return clock.run_badge(run)

    @admin.display(description="late")
    def lateness(self, run: Run) -> str:
        return clock.duration(run.lateness)

    @admin.display(description="took")
    def duration(self, run: Run) -> str:
        return clock.duration(run.duration)

    @admin.display(description="worker")
    def worker_name(self, run: Run) -> str:
        return run.worker or clock.NOTHING

    @admin.display(description="asked for by")
    def asked_by(self, run: Run) -> str:
        return run.requested_by or "The clock"

    # One run -------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def mine(address: str, view: Any, name: str) -> URLPattern:
            name = f"scheduling_run_{name}"
            url: URLPattern = path(address, self.admin_site.admin_view(view), name=name)
            return url

        return [
            mine("timeline/", self.timeline_view, "timeline"),
            mine("<uuid:run_id>/progress/", self.progress_view, "progress"),
            mine("<uuid:run_id>/retry/", self.retry_view, "retry"),
            mine("<uuid:run_id>/cancel/", self.cancel_view, "cancel"),
            *super().get_urls(),
        ]

    def describe(self, request: HttpRequest, record: Run) -> dict[str, Any]:
        rights = {
            "may_retry": may(request.user, RETRY),
            "may_see_schedule": may_see_schedules(request),
        }
        return describe_run(record) | rights

    @method_decorator(require_safe)
    def timeline_view(self, request: HttpRequest) -> HttpResponse:
        """Show what will run and what ran, as one picture."""
        if not self.has_view_permission(request):
            raise self._may_not(request)
        return show_timeline(request, self.admin_site.each_context(request))

    @method_decorator(require_safe)
    def progress_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Tell a run's page how far it is, in JSON."""
        if not self.has_view_permission(request):
            raise self._may_not(request)
        run = self.get_object(request, str(run_id))
        if run is None:
            raise Http404
        return JsonResponse(report_progress(run))

    @post_alone
    def retry_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Ask for the same again, as a run of its own."""
        if not may(request.user, RETRY):
            raise self._may_not(request, "retry them")
        run = self.get_object(request, str(run_id))
        if run is None:
            return self.show_unknown(request)
        try:
            again = manual.retry(run, by=request.user.get_username())
        except AlreadyRequested as refusal:
            messages.info(request, str(refusal))
            return _show(refusal.run)
        except ClockError as refusal:
            messages.error(request, str(refusal))
            return _show(run)
        messages.success(request, "It is to run again. This page follows it.")
        return _show(again)

    @post_alone
    def cancel_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Call off a run that no worker has begun."""
        if not may(request.user, RETRY):
            raise self._may_not(request, "call them off")
        run = self.get_object(request, str(run_id))
        if run is None:
            return self.show_unknown(request)
        try:
            manual.cancel(run, by=request.user.get_username())
        except ClockError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "It was called off and will not run.")
        return _show(run)

    def _may_not(self, request: HttpRequest, do: str = "") -> PermissionDenied:
        return may_not(do, "runs", may_look=self.has_view_permission(request))


def _run_id(term: str) -> UUID | None:
    try:
        return UUID(term.strip())
    except ValueError:
        return None


def _show(run: Run) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:scheduling_run_change", args=[run.pk]))
