"""The list of schedules: what will run, what ran, and the buttons beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

# Django looks into each app's admin in their order, and ours comes first: what
# django-celery-beat registers has to be there before it can be replaced.
from django_celery_beat import admin as stock
from django_celery_beat.models import PeriodicTask

from scheduling.clock import database_now
from scheduling.definitions import tolerate_unknown_zone
from scheduling.timing import in_words, with_schedules

from . import cells
from .asking import LIST, answer, ask, is_key, read_chosen
from .form import ScheduleFormPages
from .questions import QUESTIONS, Question
from .recent import recent_runs
from .records import ListAdmin, may, may_not
from .schedule_filters import SCHEDULE_FILTERS

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.safestring import SafeString

#: As Django's declaration has it; an action that answers with a page is as good.
Action = tuple[Callable[..., Any], str, str]

#: So many keys an address has room for; the page about more is made by the POST.
MOST_IN_ADDRESS = 100
VIEW_RIGHTS = ("view_schedule", *{one.right for one in QUESTIONS.values()})

admin.site.unregister(stock.PeriodicTaskAdmin.model)


class ScheduleList(ChangeList):
    """A page of schedules, each with its newest runs; one instant for all of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opts = self.model_admin.opts

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[PeriodicTask]:
        tasks = super().get_queryset(request, exclude_parameters)
        return with_schedules(tasks).select_related("clock")

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        tasks = list(self.result_list)
        runs = recent_runs([task.pk for task in tasks])
        now = database_now()
        links = cells.Links.for_list(request)
        for task in tasks:
            task.line = cells.Line(task, runs[task.pk], now, links)
        self.result_list = tasks


@admin.register(PeriodicTask)
class ScheduleAdmin(ScheduleFormPages, ListAdmin):
    """Schedules as the clock runs them.

    Whoever may see them: the rights of django-celery-beat's rows or of the clock's.
    To run or pause them takes a right of its own, and to change them another.
    """

    list_display = ("what", "when", "next_run", "last_runs", "buttons")
    list_filter = SCHEDULE_FILTERS
    list_max_show_all = 0
    ordering = ("name",)
    search_fields = ("name", "task", "description")
    search_help_text = "Name, task or description"
    change_list_template = "scheduling/schedule_list.html"
    delete_confirmation_template = "scheduling/schedule_delete.html"
    delete_selected_confirmation_template = "scheduling/schedules_delete.html"

    def __init__(self, model: type[PeriodicTask], site: admin.AdminSite) -> None:
        super().__init__(model, site)
        # On our pages alone: for django-celery-beat it would be a migration of its.
        self.opts = copy(self.opts)
        self.opts.verbose_name = "schedule"
        self.opts.verbose_name_plural = "schedules"

    # Rights --------------------------------------------------------------------

    def has_view_permission(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> bool:
        """Whoever may do something with schedules may see them."""
        return may(request.user, *VIEW_RIGHTS) or super().has_view_permission(
            request, obj
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    # The list ------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002 - Django's signature
        return ScheduleList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if "index" in request.POST and ACTION_CHECKBOX_NAME not in request.POST:
            messages.error(request, "Choose the schedules first, by their boxes.")
            return HttpResponseRedirect(request.get_full_path())
        title = {"title": "Schedules"}
        return super().changelist_view(request, title | (extra_context or {}))

    def action_checkbox(self, obj: PeriodicTask) -> SafeString:
        """Name the box for its schedule; Django would read its timing, row by row."""
        return format_html(
            '<input type="checkbox" class="action-select" name="{}" value="{}"'
            ' aria-label="Select {}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            obj.name,
        )

    @admin.display(description="name", ordering="name")
    def what(self, task: PeriodicTask) -> SafeString:
        return cells.what(task.line)

    @admin.display(description="when")
    def when(self, task: PeriodicTask) -> str:
        return cells.when(task.line)

    @admin.display(description="next run", ordering="clock__next_slot")
    def next_run(self, task: PeriodicTask) -> SafeString:
        return cells.next_run(task.line)

    @admin.display(description="last runs")
    def last_runs(self, task: PeriodicTask) -> SafeString:
        return cells.last_runs(task.line)

    @admin.display(description="do")
    def buttons(self, task: PeriodicTask) -> SafeString:
        return cells.buttons(task.line)

    def get_deleted_objects(
        self,
        objs: Sequence[PeriodicTask] | QuerySet[PeriodicTask],
        request: HttpRequest,
    ) -> tuple[Any, Any, Any, Any]:
        """Name what is to be deleted: the schedules, and nothing of before."""
        tasks = list(objs)
        for task in tasks:
            tolerate_unknown_zone(task)
        _, _, lacking, protected = super().get_deleted_objects(tasks, request)
        named = [task.name for task in tasks]
        return named, {"schedules": len(tasks)}, lacking, protected

    def render_delete_form(
        self, request: HttpRequest, context: dict[str, Any]
    ) -> HttpResponse:
        """Ask by name, and offer what may be wanted instead."""
        task = context["object"]
        context |= {
            "title": f"Delete: “{task.name}”",
            "when": in_words(task),
            "may_pause": QUESTIONS["pause"].permitted(request.user),
        }
        return super().render_delete_form(request, context)

    def get_actions(self, request: HttpRequest) -> dict[str, Action | None]:
        if not self.has_view_permission(request):
            return {}
        mine = {
            one.name: (partial(_ask_about_many, one), one.name, one.label)
            for one in QUESTIONS.values()
            if one.permitted(request.user)
        }
        return mine | super().get_actions(request)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[PeriodicTask]
    ) -> HttpResponse | None:
        """Carry out an action; a selection that is none is told, not looked up."""
        if not all(map(is_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            messages.error(request, "Choose the schedules again.")
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)

    # What may be done to them --------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.question_view)
        mine = path("do/<slug:name>/", view, name="scheduling_schedule_do")
        return [mine, *super().get_urls()]

    def question_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask before something is done to a schedule (GET), or do it (POST)."""
        question = QUESTIONS.get(name)
        if question is None:
            raise Http404
        may_look = self.has_view_permission(request)
        if not question.permitted(request.user) or not may_look:
            raise may_not(f"{question.name} them", "schedules", may_look=may_look)
        site = self.admin_site.each_context(request)
        if request.method == "POST":
            return answer(request, question, site)
        asked_of = read_chosen(request.GET.get("schedule", ""))[:MOST_IN_ADDRESS]
        known = PeriodicTask.objects.filter(pk__in=asked_of)
        chosen = list(known.order_by("pk").values_list("pk", flat=True))
        if not chosen:
            is_named = "schedule" in request.GET
            again = "There is no such schedule." if is_named else "Choose it again."
            messages.warning(request, again)
            return HttpResponseRedirect(reverse(LIST))
        back = request.GET.get("back", "")
        return ask(request, question, chosen, site, back=back)


def _ask_about_many(
    question: Question,
    model_admin: ScheduleAdmin,
    request: HttpRequest,
    tasks: QuerySet[PeriodicTask],
) -> HttpResponse:
    """Show the page that asks before something is done to the chosen schedules."""
    chosen = list(
        tasks.order_by("pk").values_list("pk", flat=True)[: question.most + 1]
    )
    if len(chosen) > question.most:
        messages.error(request, f"Choose at most {question.most:,} at a time.")
        return HttpResponseRedirect(request.get_full_path())
    back = request.META.get("QUERY_STRING", "")
    if len(chosen) <= MOST_IN_ADDRESS:
        # A page that was only read can be read again, and gone back to.
        keys = {"schedule": " ".join(map(str, chosen)), "back": back}
        url = reverse("admin:scheduling_schedule_do", args=[question.name])
        return HttpResponseRedirect(f"{url}?{urlencode(keys)}")
    site = model_admin.admin_site.each_context(request)
    return ask(request, question, chosen, site, back=back)
