"""The form of one schedule: what runs, when, and what if something gets in the way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from unicodedata import category

from django import forms
from django.db import connection, models
from django.utils.datastructures import MultiValueDict
from django_celery_beat.models import PeriodicTask

from scheduling import editing, registry
from scheduling.definitions import KINDS
from scheduling.editing import POLICIES, EditedMeanwhile, Wanted
from scheduling.history import Standing, standing_of
from scheduling.models import Schedule
from scheduling.validity import Problem, problems_of

from . import arguments
from .inputs import DurationField
from .task_form import EMPTY, TaskForm, arguments_in, with_arguments
from .timing_form import TimingForm
from .timing_form import initial_of as timing_initial

SMALLINT_MAX = 32_767
#: What turns the order of all letters after it, those of other words among them.
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: What becomes of the columns that the form does not ask.
CLEARED = {
    "args": "[]",
    "headers": "{}",
    **dict.fromkeys(("queue", "exchange", "routing_key", "priority")),
}
ROWS = ("name", "description", "task", "enabled", "one_off", "start_time", "expires")


def _turns_or_breaks(character: str) -> bool:
    return category(character) in {"Cc", "Zl", "Zp"} or character in TURNS


def _policy(name: str) -> models.Field[Any, Any]:
    column = Schedule._meta.get_field(name)  # noqa: SLF001 - documented by Django
    assert isinstance(column, models.Field)  # noqa: S101 - policies are columns
    return column


def _duration(name: str, label: str, **options: Any) -> DurationField:
    column = _policy(name)
    options.setdefault("required", not column.null)
    return DurationField(
        label=label,
        initial=column.default if column.has_default() else None,
        help_text=column.help_text,
        **options,
    )


def _choice(name: str) -> forms.ChoiceField:
    column = _policy(name)
    return forms.ChoiceField(
        label=str(column.verbose_name).capitalize(),
        choices=column.choices or (),
        initial=column.default,
    )


class ScheduleForm(TimingForm, TaskForm, forms.ModelForm):  # type: ignore[type-arg] # as admin
    """A schedule with its policies; made complete by `form_for`.

    Bound and checked in a transaction, it holds the rows of a schedule that exists,
    locked: ``clock``. ``may_run`` says that its user may ask for a run.
    """

    may_run = False
    clock: Schedule | None = None

    version = forms.CharField(required=False, widget=forms.HiddenInput)
    expire_seconds = DurationField(
        label="Start within",
        required=False,
        shortest=timedelta(seconds=1),
        help_text="A run that has not started this long after its slot is missed. "
        "Empty: the catch-up window.",
    )
    catch_up = _choice("catch_up")
    catch_up_window = _duration("catch_up_window", "Catch-up window")
    overlap = _choice("overlap")
    jitter = _duration("jitter", "Jitter", required=False, longest=timedelta(days=1))
    max_attempts = forms.IntegerField(
        label="Attempts",
        min_value=1,
        max_value=100,
        initial=_policy("max_attempts").default,
        help_text=_policy("max_attempts").help_text,
    )
    time_limit = _duration("time_limit", "Time limit", shortest=timedelta(seconds=1))
    alert_after = _duration(
        "alert_after", "Alert when late by", shortest=timedelta(seconds=1)
    )
    pause_after_failures = forms.IntegerField(
        label="Pause after failures",
        required=False,
        min_value=1,
        max_value=SMALLINT_MAX,
        help_text=_policy("pause_after_failures").help_text,
    )
    owner_email = forms.EmailField(
        label="Alert e-mail",
        required=False,
        max_length=_policy("owner_email").max_length,
        help_text="One address. Empty: the addresses in the settings.",
    )
    run_now = forms.BooleanField(
        label="Run it now as well",
        required=False,
        help_text="Saving alone runs nothing before the next slot.",
    )

    class Meta:
        model = PeriodicTask
        fields = ROWS
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}
        help_texts = {
            "name": "As lists and alerts call it.",
            "enabled": "While this is off, nothing comes due.",
            "description": "",
        }
        error_messages = {"name": {"required": "Give the schedule a name."}}

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        instance: PeriodicTask | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        shown = {**(initial or {})}
        if instance and instance.pk:
            known = editing.clock_of(instance)
            self.anchor = known.anchor if known else None
            now = standing_of(instance, known)
            shown = initial_of(now) | shown
            shown["version"] = editing.version_of(instance, known)
        super().__init__(data, files, instance=instance, initial=shown)
        if not self.may_run:
            del self.fields["run_now"]

    def clean(self) -> dict[str, Any]:
        self._lock()
        if self.row:
            self._keep_microseconds(self.row)
        cleaned = super().clean()
        self._mend(cleaned)
        if cleaned.get("expires") and cleaned.get("expire_seconds") is not None:
            self.add_error(
                "expire_seconds", "Give this or “not after”, not both of them."
            )
        if "run_now" in self.data and not self.may_run:
            self.add_error(None, "run_now: It takes the right to run schedules.")
        if not self.errors:
            self._judge()
        return cleaned

    def clean_name(self) -> str:
        """Refuse characters that make a line say something else than it holds."""
        name: str = self.cleaned_data["name"]
        if hidden := next(filter(_turns_or_breaks, name), None):
            raise forms.ValidationError(
                f"Leave out the invisible character U+{ord(hidden):04X}."
            )
        return name

    def validate_unique(self) -> None:
        """Check the name alone: our own form knows that there is one schedule."""
        try:
            models.Model.validate_unique(self.instance)
        except forms.ValidationError:
            self.add_error("name", "Another schedule has this name: choose another.")

    def wanted(self) -> Wanted:
        """Return what the schedule is to say, from a form that is valid."""
        cleaned = self.cleaned_data
        fields = {name: cleaned[name] for name in (*ROWS, "kwargs", "expire_seconds")}
        fields["one_off"] |= "clocked" in self.fields_by_kind
        row = self.row or PeriodicTask()
        cleared = {
            name: empty
            for name, empty in CLEARED.items()
            if getattr(row, name) not in (None, *EMPTY)
        }
        return Wanted(
            fields=fields | cleared,
            timing=self.fields_by_kind,
            policies={name: cleaned[name] for name in POLICIES},
        )

    def _lock(self) -> None:
        """Keep others away until this is saved, and refuse what is out of date."""
        with connection.cursor() as cursor:
            # Of two new schedules with one name the second finds the first.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('schedule names'))")
        if not self.instance.pk:
            return
        seen = self.data.get("version", "")
        try:
            self.clock = editing.lock_as_seen(self.instance.pk, seen)
        except EditedMeanwhile as refusal:
            self.add_error(None, str(refusal))
        else:
            self.row = self.clock.periodic_task

    def _keep_microseconds(self, row: PeriodicTask) -> None:
        """Take instants that nobody touched from the row: the page shows seconds."""
        standing = {"start_time": row.start_time, "expires": row.expires}
        if row.clocked:
            standing["at"] = row.clocked.clocked_time
        for name in (standing.keys() & self.cleaned_data) - {*self.changed_data}:
            self.cleaned_data[name] = standing[name]

    def _mend(self, cleaned: dict[str, Any]) -> None:
        """Say what was entered as the columns have it."""
        if isinstance(length := cleaned.get("expire_seconds"), timedelta):
            cleaned["expire_seconds"] = int(length.total_seconds())
        if "jitter" in cleaned:
            cleaned["jitter"] = cleaned["jitter"] or timedelta(0)

    def _judge(self) -> None:
        """Ask what would forbid to run the schedule as it is entered."""
        candidate = self.task_with_timing()
        for name, value in self.wanted().fields.items():
            setattr(candidate, name, value)
        for problem in problems_of(candidate, self.timing):
            self.add_error(_field_of(problem, self.fields), problem.message)


def form_for(*, may_run: bool) -> type[ScheduleForm]:
    """Return the form with the parameters of every task that may be scheduled."""
    made: type[ScheduleForm] = with_arguments(ScheduleForm, may_run=may_run)
    return made


def initial_of(standing: Standing) -> dict[str, Any]:
    """Return what the form shows of a schedule as it stands, or stood."""
    row = standing.task
    shown: dict[str, Any] = {name: row[name] for name in ROWS}
    shown |= timing_initial(row["timing"]) | standing.policies
    known = registry.find(row["task"])
    if known:
        given = arguments_in(known, args=row["args"], kwargs=row["kwargs"])
        shown |= arguments.initial_of(known, given)
    if row["expire_seconds"] is not None:
        shown["expire_seconds"] = timedelta(seconds=row["expire_seconds"])
    return shown


def data_of(form: forms.BaseForm) -> MultiValueDict[str, Any]:
    """Return what a browser would send that is shown this form, and changes nothing."""
    data: MultiValueDict[str, Any] = MultiValueDict()
    for field in form:
        value = field.value()
        if value is True:
            data[field.name] = "on"
        elif isinstance(value, list):
            data.setlist(field.name, value)
        elif isinstance(field.field, forms.ChoiceField) and value is not None:
            data[field.name] = str(value)
        elif value not in (None, False, ""):
            data[field.name] = str(field.field.widget.format_value(value))
    return data


def _field_of(problem: Problem, fields: Mapping[str, forms.Field]) -> str | None:
    if problem.field in KINDS or problem.field == "schedule":
        return "kind"
    return problem.field if problem.field in fields else None
