"""The pages of one schedule: its form, what is to come of it, and its past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

from scheduling import editing, history, manual, pausing, registry
from scheduling.clock import database_now
from scheduling.definitions import tolerate_unknown_zone
from scheduling.exceptions import Refusal
from scheduling.formatting import format_instant
from scheduling.slots.zones import zone_names
from scheduling.validity import problems_of

from . import preview
from .asking import LIST, PAGE, TO_ITS_PAGE, question_url
from .dry_run import foretell
from .questions import QUESTIONS
from .records import may, may_not, post_alone
from .run import RunAdmin
from .schedule_form import ScheduleForm, data_of, form_for, initial_of
from .schedule_page import groups_of

if TYPE_CHECKING:
    from django.core.exceptions import PermissionDenied
    from django.forms import ModelForm

BLANK = "admin:django_celery_beat_periodictask_add"
PAST = "admin:django_celery_beat_periodictask_history"


# A ModelAdmin is generic for the type checker alone.
class ScheduleFormPages(admin.ModelAdmin):  # type: ignore[type-arg]
    """What a form asks of a schedule, and what its page shows beside it."""

    form = ScheduleForm
    change_form_template = add_form_template = "scheduling/schedule.html"
    object_history_template = "scheduling/schedule_history.html"
    save_on_top = False

    def get_urls(self) -> list[URLPattern]:
        mine = (
            ("next-slots/", self.preview_view, "preview"),
            ("dry-run/", self.dry_run_view, "dry_run"),
            ("<path:object_id>/put-back/", self.put_back_view, "put_back"),
        )
        return [
            *(
                path(route, self.admin_site.admin_view(view), name=_url_name(name))
                for route, view, name in mine
            ),
            *super().get_urls(),
        ]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> PeriodicTask | None:
        task: PeriodicTask | None = super().get_object(request, object_id, from_field)
        if task is not None:
            tolerate_unknown_zone(task)
        return task

    # The form --------------------------------------------------------------------

    def get_form(
        self,
        request: HttpRequest,
        obj: PeriodicTask | None = None,  # noqa: ARG002 - Django's signature
        change: bool = False,  # noqa: ARG002, FBT001, FBT002 - as above
        **kwargs: Any,  # noqa: ARG002 - as above
    ) -> type[ModelForm]:  # type: ignore[type-arg] # as ModelAdmin
        return form_for(may_run=may(request.user, "run_schedule"))

    def get_fieldsets(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: PeriodicTask | None = None,  # noqa: ARG002 - as above
    ) -> tuple[()]:
        """Leave all fields to the page's template."""
        return ()

    def save_model(
        self,
        request: HttpRequest,
        obj: PeriodicTask,
        form: ScheduleForm,
        change: bool,  # noqa: ARG002, FBT001 - Django's signature
    ) -> None:
        if form.clock:
            editing.change(form.clock, form.wanted())
        else:
            editing.create(obj, form.wanted())
        if form.cleaned_data.get("run_now"):
            _run_now(request, obj)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        change: bool = False,  # noqa: FBT001, FBT002 - as above
        form_url: str = "",
        obj: PeriodicTask | None = None,
    ) -> HttpResponse:
        form = context["adminform"].form
        standing = obj if obj and obj.pk else None
        may_change = (
            self._may_edit(request)
            if standing is None
            else (self.has_change_permission(request, standing))
        )
        context |= {
            "title": standing.name if standing else "Add a schedule",
            "subtitle": None,
            "schedule_form": form,
            "groups": groups_of(form),
            "tasks": registry.all_tasks(),
            "zones": zone_names(),
            "preview": preview.of_form(form, database_now()),
            "facts": () if may_change or not standing else _facts(standing),
            "tools": _tools(request, standing) if standing else (),
            "pause": _pause(standing) if standing else "",
            "problems": _problems(standing) if standing and not form.is_bound else (),
            "may_change": may_change,
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def response_add(
        self,
        request: HttpRequest,
        obj: PeriodicTask,
        post_url_continue: str | None = None,  # noqa: ARG002 - Django's signature
    ) -> HttpResponse:
        return self._saved(request, obj, "was added")

    def response_change(self, request: HttpRequest, obj: PeriodicTask) -> HttpResponse:
        return self._saved(request, obj, "was changed")

    def _saved(
        self, request: HttpRequest, task: PeriodicTask, done: str
    ) -> HttpResponse:
        """Tell by its name alone what was saved, and go where its button leads."""
        messages.success(request, f"“{task.name}” {done}.")
        if "_continue" in request.POST and self.has_view_permission(request, task):
            return HttpResponseRedirect(reverse(PAGE, args=[task.pk]))
        if "_addanother" in request.POST and self.has_add_permission(request):
            return HttpResponseRedirect(reverse(BLANK))
        return self.response_post_save_change(request, task)

    # What is to come --------------------------------------------------------------

    @method_decorator(require_safe)
    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """Tell the next slots of what is entered so far; reads only."""
        if not self._may_edit(request):
            raise self._may_not(request, "change them")
        return JsonResponse(preview.of_data(request.GET, database_now()).as_json())

    @post_alone
    def dry_run_view(self, request: HttpRequest) -> HttpResponse:
        """Tell what a task would do now, with what is entered so far; reads only."""
        if not self._may_edit(request) and not may(request.user, "run_schedule"):
            raise self._may_not(request, "try them")
        told = foretell(request.POST)
        if request.accepts("text/html"):
            site = self.admin_site.each_context(request)
            context = site | {"title": "What it would do now", "told": told}
            return TemplateResponse(request, "scheduling/dry_run.html", context)
        return JsonResponse({"sentence": told.sentence, "is_refusal": told.is_refusal})

    def _may_edit(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) or self.has_change_permission(request)

    def _may_not(self, request: HttpRequest, do: str = "") -> PermissionDenied:
        return may_not(do, "schedules", may_look=self.has_view_permission(request))

    # The past ---------------------------------------------------------------------

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show who changed what and when, and a way back to how it stood."""
        task = self.get_object(request, unquote(object_id))
        if task is None:
            return _unknown(request)
        if not self.has_view_or_change_permission(request, task):
            raise self._may_not(request)
        entries = history.entries_of(task.pk)
        clock = editing.clock_of(task)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {task.name}",
            "object": task,
            "opts": self.opts,
            "entries": entries,
            "since": history.changes_since(entries, task, clock),
            "version": editing.version_of(task, clock),
            "may_change": self.has_change_permission(request, task),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "scheduling/schedule_history.html", context)

    @post_alone
    def put_back_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a schedule what it was at one moment, if it may still be so."""
        task = self.get_object(request, unquote(object_id))
        if task is None:
            return _unknown(request)
        if not self.has_change_permission(request, task):
            raise self._may_not(request, "change them")
        entry = history.entry_at(task.pk, request.POST.get("key", ""))
        if entry is None:
            messages.error(request, "Choose again what to put it back to.")
        else:
            self._put_back(request, task, entry)
        return HttpResponseRedirect(reverse(PAST, args=[task.pk]))

    @transaction.atomic
    def _put_back(
        self, request: HttpRequest, task: PeriodicTask, entry: history.Entry
    ) -> None:
        """Send the form as it would have been then: what it refuses, this refuses."""
        made = form_for(may_run=False)
        data = data_of(made(instance=task, initial=initial_of(entry.standing)))
        data["version"] = request.POST.get("version", "")
        form = made(data, instance=task)
        if not form.is_valid() or form.clock is None:
            for name, errors in form.errors.items():
                said = " ".join(map(str, errors))
                messages.error(request, f"{_label(form, name)}{said}")
            return
        then = format_instant(entry.at)
        reason = f"Put back to how it stood on {then}"
        if editing.change(form.clock, form.wanted(), reason=reason):
            self.log_change(request, task, f"{reason}.")
            messages.success(request, f"“{task.name}” is as it was on {then}.")
        else:
            messages.info(request, f"“{task.name}” stands so already.")


def _unknown(request: HttpRequest) -> HttpResponse:
    messages.warning(request, "There is no such schedule.")
    return HttpResponseRedirect(reverse(LIST))


def _url_name(name: str) -> str:
    return f"scheduling_schedule_{name}"


def _run_now(request: HttpRequest, task: PeriodicTask) -> None:
    try:
        manual.run_now(task, by=request.user.get_username())
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.info(request, f"“{task.name}” runs now, as soon as a worker is free.")


def _tools(request: HttpRequest, task: PeriodicTask) -> list[tuple[str, str]]:
    """Return what else the reader may do with a schedule, as addresses and labels."""
    senseless = "pause" if _pause(task) else "resume"
    tools = [
        (question_url(one, task.pk, TO_ITS_PAGE), one.label)
        for one in QUESTIONS.values()
        if one.permitted(request.user) and one.name != senseless
    ]
    if may(request.user, *RunAdmin.view_rights):
        runs = reverse("admin:scheduling_run_changelist")
        tools.append((f"{runs}?schedule={task.pk}", "Runs"))
    return tools


def _pause(task: PeriodicTask) -> str:
    """Return who paused a schedule, and why; '' where nobody did."""
    clock = editing.clock_of(task)
    if clock is None or not clock.is_paused_at(database_now()):
        return ""
    return pausing.in_words(clock)


def _facts(task: PeriodicTask) -> list[tuple[str, str]]:
    """Return what stands in a schedule, field by field, for who may not change it."""
    return history.told(history.standing_of(task, editing.clock_of(task)))


def _problems(task: PeriodicTask) -> list[str]:
    """Return what keeps a schedule from running, and is not why it was stopped."""
    if not task.enabled:
        return []
    said = _pause(task)
    found = [problem.message for problem in problems_of(task)]
    return [message for message in found if message not in said]


def _label(form: ScheduleForm, name: str) -> str:
    return f"{form[name].label}: " if name in form.fields else ""
