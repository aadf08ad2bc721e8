"""The page between a button and a change of schedules: what is asked, the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from scheduling import registry
from scheduling.changes import definitions_of
from scheduling.clock import database_now
from scheduling.exceptions import AlreadyRequested, InvalidPause
from scheduling.formatting import number_of
from scheduling.models import Schedule
from scheduling.timing import in_words

from .questions import Done, Question, QuestionForm
from .records import may
from .run import RunAdmin
from .telling import MOST_TOLD, in_lines

LIST = "admin:django_celery_beat_periodictask_changelist"
PAGE = "admin:django_celery_beat_periodictask_change"
#: Where a question leads back to: the list as it was filtered, or one's own page.
TO_ITS_PAGE = "page"
#: Digits that the column of a key is sure to hold.
LONGEST_KEY = 9


@dataclass(frozen=True)
class Row:
    """One of the schedules chosen, and what will come of it."""

    name: str
    when: str
    does: str
    foreseen: str


def question_url(question: Question, key: int, back: str) -> str:
    """Return where a question about one schedule is asked."""
    query = {"schedule": key} | ({"back": back} if back else {})
    url = reverse("admin:scheduling_schedule_do", args=[question.name])
    return f"{url}?{urlencode(query)}"


def ask(
    request: HttpRequest,
    question: Question,
    chosen: Sequence[int],
    site: Mapping[str, Any],
    *,
    back: str = "",
) -> HttpResponse:
    """Show what will be done to which, and ask what it needs."""
    return _page(request, question, question.form(), chosen, site, uuid4(), back)


def answer(
    request: HttpRequest, question: Question, site: Mapping[str, Any]
) -> HttpResponse:
    """Carry out what was confirmed, and tell what became of each."""
    back = request.POST.get("back", "")
    chosen = read_chosen(request.POST.get("schedules", ""))
    try:
        asked = UUID(request.POST.get("asked", ""))
    except ValueError:
        chosen = []
    if not chosen or len(chosen) > question.most:
        messages.error(request, "Choose the schedules again.")
        return HttpResponseRedirect(reverse(LIST))
    form = question.form(request.POST)
    done = _carry_out(request, form, chosen, asked) if form.is_valid() else None
    if done is None:
        return _page(request, question, form, chosen, site, asked, back)
    _tell(request, question, done)
    return _go_on(request, chosen, done, back)


def read_chosen(text: str) -> list[int]:
    """Return the keys that a page has written down, each once; others are left out."""
    return list(dict.fromkeys(int(word) for word in text.split() if is_key(word)))


def is_key(word: str) -> bool:
    """Tell whether a word can be the key of a schedule."""
    return word.isascii() and word.isdigit() and len(word) <= LONGEST_KEY


def _carry_out(
    request: HttpRequest, form: QuestionForm, chosen: Sequence[int], asked: UUID
) -> Done | None:
    """Return what became of the schedules; None where the form is to be mended."""
    try:
        return form.change(chosen, by=request.user.get_username(), asked=asked)
    except InvalidPause as error:
        form.add_error(error.field, str(error))
    return None


def _tell(request: HttpRequest, question: Question, done: Done) -> None:
    if done.changed:
        (first, *rest) = done.changed
        who = number_of(len(done.changed), "schedule") if rest else f"“{first}”"
        messages.success(request, f"{who}: {question.done}.")
    again = [one for one in done.refused if isinstance(one, AlreadyRequested)]
    others = [one for one in done.refused if not isinstance(one, AlreadyRequested)]
    if again:
        messages.warning(request, in_lines(again))
    if others:
        messages.error(request, in_lines(others))


def _go_on(
    request: HttpRequest, chosen: Sequence[int], done: Done, back: str
) -> HttpResponse:
    """Go to the run that was asked for, where there is one alone; else to the list."""
    if len(chosen) == 1 and done.run and may(request.user, *RunAdmin.view_rights):
        url = reverse("admin:scheduling_run_change", args=[done.run.pk])
        return HttpResponseRedirect(url)
    return HttpResponseRedirect(_way_back(chosen, back))


def _way_back(chosen: Sequence[int], back: str) -> str:
    if back == TO_ITS_PAGE and len(chosen) == 1:
        return reverse(PAGE, args=chosen)
    return f"{reverse(LIST)}?{back}" if back else reverse(LIST)


def _page(
    request: HttpRequest,
    question: Question,
    form: QuestionForm,
    chosen: Sequence[int],
    site: Mapping[str, Any],
    asked: UUID,
    back: str,
) -> TemplateResponse:
    tasks = sorted(definitions_of(chosen).values(), key=lambda task: str(task.name))
    about = f"“{tasks[0].name}”" if len(tasks) == 1 else f"{len(tasks)} schedules"
    context = {
        **site,
        "title": f"{question.label}: {about}",
        "question": question,
        "form": form,
        "rows": _describe(question, tasks[:MOST_TOLD]),
        "prospect": question.prospect(tasks[0]) if len(tasks) == 1 else "",
        "total": len(tasks),
        "more": max(0, len(tasks) - MOST_TOLD),
        "chosen": " ".join(str(task.pk) for task in tasks),
        "asked": asked,
        "back": back,
        "way_back": _way_back([task.pk for task in tasks], back),
    }
    return TemplateResponse(request, "scheduling/question.html", context)


def _describe(question: Question, tasks: Sequence[PeriodicTask]) -> list[Row]:
    schedules = Schedule.objects.in_bulk([task.pk for task in tasks])
    now = database_now()
    for task in tasks:
        if task.pk in schedules:
            schedules[task.pk].periodic_task = task
    return [
        Row(
            name=task.name,
            when=in_words(task),
            does=known.summary if (known := registry.find(task.task)) else task.task,
            foreseen=question.foresee(schedules.get(task.pk), now),
        )
        for task in tasks
    ]
