"""What staff may do to schedules from the list: who may, and what is asked first."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from django import forms
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from scheduling import accounting, manual, pausing, registry
from scheduling.exceptions import Refusal
from scheduling.formatting import format_duration
from scheduling.models import Run, Schedule
from scheduling.pausing import LONGEST_REASON
from scheduling.validity import NotRunnableError, arguments_of

from .records import may

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

#: Runs by hand are written one by one; nobody starts more than this on purpose.
MOST_RUN_AT_ONCE = 100
MOST_PAUSED_AT_ONCE = 1000
#: For so long whoever asks for a run is told of the one before.
JUST_NOW = timedelta(minutes=10)


@dataclass
class Done:
    """What became of the schedules chosen: which changed, and why others did not."""

    changed: list[str]
    refused: list[Refusal]
    run: Run | None = None


class QuestionForm(forms.Form):
    """Asks what a change of schedules needs, and carries it out."""

    def change(self, chosen: Collection[int], *, by: str, asked: UUID) -> Done:
        """Carry it out. Raises ClockError for what is to be mended in the form."""
        raise NotImplementedError


class RunForm(QuestionForm):
    def change(self, chosen: Collection[int], *, by: str, asked: UUID) -> Done:
        """Ask for a run of each; each page asks once, however often it is sent."""
        done = Done([], [])
        for task in PeriodicTask.objects.filter(pk__in=chosen).order_by("pk"):
            run_id = uuid5(asked, str(task.pk))
            try:
                done.run = manual.run_now(task, by=by, run_id=run_id)
            except Refusal as refusal:
                done.refused.append(refusal)
            else:
                done.changed.append(task.name)
        return done


class LocalDateTimeField(forms.DateTimeField):
    """An instant as the business's clocks show it."""

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(settings.BUSINESS_TIME_ZONE):
            return super().to_python(value)


class PauseForm(QuestionForm):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.Textarea(
            attrs={"rows": 3, "class": "vLargeTextField", "autofocus": True}
        ),
        error_messages={"required": "Say why: others will read it."},
        help_text="Shown in the list, and kept with the slots that do not run.",
    )
    until = LocalDateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Empty: until somebody resumes it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["until"].label = f"Until ({settings.BUSINESS_TIME_ZONE})"

    def change(
        self,
        chosen: Collection[int],
        *,
        by: str,
        asked: UUID,  # noqa: ARG002 - a pause that stands is not paused twice
    ) -> Done:
        outcome = pausing.pause(chosen, by=by, **self.cleaned_data)
        return _done(outcome)


class ResumeForm(QuestionForm):
    def change(
        self,
        chosen: Collection[int],
        *,
        by: str,
        asked: UUID,  # noqa: ARG002 - as above
    ) -> Done:
        outcome = pausing.resume(chosen, by=by)
        return _done(outcome)


def _done(outcome: pausing.Outcome) -> Done:
    names = [str(schedule) for schedule in outcome.changed]
    return Done(names, list(outcome.refused.values()))


def _nothing_more(_task: PeriodicTask) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that may be done to schedules.

    ``says`` tells before what it means, ``done`` afterwards what happened;
    ``foresee`` says what comes of it for one schedule as that is now.
    """

    name: str
    label: str
    says: str
    done: str
    form: type[QuestionForm]
    right: str
    most: int
    foresee: Callable[[Schedule | None, datetime], str]
    prospect: Callable[[PeriodicTask], str] = _nothing_more

    def permitted(self, user: AbstractBaseUser | AnonymousUser) -> bool:
        return may(user, self.right)


def _foresee_run(schedule: Schedule | None, now: datetime) -> str:
    if schedule is None:
        return ""
    is_paused = schedule.is_paused_at(now)
    paused = "It is paused; this one run is made all the same." if is_paused else ""
    return " ".join(filter(None, (paused, _asked_just_now(schedule, now))))


def _asked_just_now(schedule: Schedule, now: datetime) -> str:
    """Tell of a run by hand to whoever comes back to the page that asked for it."""
    by_hand = Run.objects.filter(
        periodic_task=schedule.pk,
        trigger=Run.Trigger.MANUAL,
        created_at__gt=now - JUST_NOW,
    )
    run = by_hand.order_by("-created_at", "id").first()
    if run is None:
        return ""
    ago = format_duration(now - run.created_at)
    state = run.get_state_display().lower()
    return f"{run.requested_by} asked for a run {ago} ago: it is {state}."


def _try_dry(task: PeriodicTask) -> str:
    """Say what a run would do now, as its task tells it, and with what."""
    known = registry.find(task.task)
    try:
        _, kwargs = arguments_of(task)
    except NotRunnableError as error:
        return f"It cannot run. {error}"
    given = ", ".join(f"{name} {value!r}" for name, value in kwargs.items())
    says = known.dry_run(**kwargs) if known else ""
    return " ".join(filter(None, (f"With {given}." if given else "", says)))


def _foresee_pause(schedule: Schedule | None, now: datetime) -> str:
    if schedule and schedule.is_paused_at(now):
        return f"Paused already, by {schedule.paused_by}: {schedule.pause_reason}"
    return ""


def _foresee_resume(schedule: Schedule | None, now: datetime) -> str:
    if schedule is None or not schedule.is_paused_at(now):
        return "Not paused."
    passed = accounting.passed_while_paused(schedule, now)
    since = f"Paused by {schedule.paused_by}: {schedule.pause_reason.rstrip('.')}."
    if passed is None:
        return f"{since} No slot has passed since."
    return f"{since} Kept from running: {passed}. They are written down as skipped."


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "run",
            "Run now",
            "It starts as soon as a worker is free. Its next slot stays as it is.",
            "asked for, and starts as soon as a worker is free",
            RunForm,
            "run_schedule",
            MOST_RUN_AT_ONCE,
            _foresee_run,
            _try_dry,
        ),
        Question(
            "pause",
            "Pause",
            "Nothing comes due in a pause. A run that waits or is at work goes on.",
            "paused",
            PauseForm,
            "pause_schedule",
            MOST_PAUSED_AT_ONCE,
            _foresee_pause,
        ),
        Question(
            "resume",
            "Resume",
            "Its next slot is the first one from now on; nothing runs at once.",
            "resumed",
            ResumeForm,
            "pause_schedule",
            MOST_PAUSED_AT_ONCE,
            _foresee_resume,
        ),
    )
}
