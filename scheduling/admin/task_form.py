"""What runs: one of the tasks that may be scheduled, with its arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django_celery_beat.models import PeriodicTask

from scheduling import registry
from scheduling.parameters import IllTypedError, Json, Parameter
from scheduling.registry import SchedulableTask

from . import arguments
from .arguments import ABSENT

#: What django-celery-beat's form asks and ours does not take, with the remedy.
NOT_TAKEN = {
    "args": "Positional arguments are not taken: fill in the task's parameters.",
    "kwargs": "Fill in the task's parameters, each in its own field.",
    "headers": "The clock writes the message's headers itself: leave them out.",
    **dict.fromkeys(
        ("queue", "exchange", "routing_key", "priority"),
        "The project's settings say which worker runs a task: leave it out.",
    ),
}
#: How a field of JSON says that it is empty.
EMPTY = ("", "[]", "{}")


class TaskForm(forms.Form):
    """Asks which task, and with what. ``kwargs`` is there once it is clean: as JSON.

    The arguments that nobody touches stay as they stand in ``row``, if one is given.
    Made by `with_arguments`, a subclass has a field for each parameter of every task.
    """

    task = forms.ChoiceField(
        label="Task",
        error_messages={
            "required": "Choose a task.",
            "invalid_choice": "“%(value)s” is not a task that can be scheduled: choose "
            "one of those offered.",
        },
    )

    row: PeriodicTask | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [(task.name, _offer(task)) for task in registry.all_tasks()]
        choice = self.fields["task"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - declared above
        choice.choices = [("", "—"), *offered]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._pass_over_other_tasks()
        self._refuse_what_is_not_asked()
        known = registry.find(cleaned.get("task", ""))
        if known:
            found = self._read_arguments(known)
            cleaned["kwargs"] = self._written(found)
        return cleaned

    def _pass_over_other_tasks(self) -> None:
        """Forget what is wrong with arguments of tasks that nobody chose."""
        mine = f"{arguments.PREFIX}:{self.cleaned_data.get('task')}:"
        for name in list(self.errors):
            if name.startswith(f"{arguments.PREFIX}:") and not name.startswith(mine):
                del self.errors[name]

    def _refuse_what_is_not_asked(self) -> None:
        for name, sentence in NOT_TAKEN.items():
            if self.data.get(name, "").strip() not in EMPTY:
                self.add_error(None, f"{name}: {sentence}")

    def _read_arguments(self, task: SchedulableTask) -> dict[str, Json]:
        for sentence in arguments.refuse_unknown(task, self.data):
            self.add_error(None, sentence)
        standing = self._standing(task)
        found: dict[str, Json] = {}
        for parameter in task.parameters:
            name = arguments.name_of(task, parameter)
            if name not in self.cleaned_data:
                continue
            if parameter.name in standing and name not in self.changed_data:
                found[parameter.name] = standing[parameter.name]
                continue
            try:
                value = arguments.read(parameter, self.cleaned_data[name])
            except ValidationError as error:
                self.add_error(name, error)
                continue
            if _says_something(parameter, value, standing):
                found[parameter.name] = value
        return found

    def _standing(self, task: SchedulableTask) -> dict[str, Json]:
        row = self.row
        if row is None or row.task != task.name:
            return {}
        return arguments_in(task, args=row.args, kwargs=row.kwargs)

    def _written(self, found: dict[str, Json]) -> str:
        """Return the arguments as text; one that says the same stays as it is."""
        if self.row is not None and found == parsed(self.row.kwargs):
            return str(self.row.kwargs)
        return json.dumps(found)


def with_arguments(form: type[TaskForm], **attributes: Any) -> type[Any]:
    """Return a form with a field for each parameter of every task.

    A form that is not the chosen task's passes over them.
    """
    fields = {
        name: field
        for task in registry.all_tasks()
        for name, field in arguments.fields_of(task).items()
    }
    return type(form.__name__, (form,), {**fields, **attributes})


def arguments_in(
    task: SchedulableTask, *, args: str | None, kwargs: str | None
) -> dict[str, Json]:
    """Return the arguments that a row holds, by name; what is no JSON is none."""
    named, positional = parsed(kwargs), parsed(args)
    try:
        by_name = task.by_name(positional) if isinstance(positional, list) else {}
    except IllTypedError:
        by_name = {}
    return by_name | (named if isinstance(named, dict) else {})


def parsed(text: str | None) -> Json:
    """Return what a field of JSON holds; None where that is no JSON."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def _says_something(
    parameter: Parameter, value: object, standing: Mapping[str, Json]
) -> bool:
    """Return whether a value is worth writing down: a default goes without saying."""
    if value is ABSENT:
        return False
    return parameter.name in standing or not arguments.is_default(parameter, value)


def _offer(task: SchedulableTask) -> str:
    return f"{task.summary.rstrip('.')} ({task.name})" if task.summary else task.name
