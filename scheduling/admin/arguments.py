"""The arguments of a task as fields of a form, each of the type that its task takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from scheduling import parameters as types
from scheduling.parameters import IllTypedError, Json, Parameter, shown
from scheduling.registry import SchedulableTask

from .inputs import instant_field

PREFIX = "argument"


class Absent:
    """What an empty field stands for: the task goes by its default."""


ABSENT = Absent()


def name_of(task: SchedulableTask, parameter: Parameter) -> str:
    """Return the name of a field: tasks may have parameters of the same name."""
    return f"{PREFIX}:{task.name}:{parameter.name}"


def fields_of(task: SchedulableTask) -> dict[str, forms.Field]:
    """Return a field for each parameter. None is required: only one task is chosen."""
    return {name_of(task, one): _labelled(one) for one in task.parameters}


def initial_of(task: SchedulableTask, given: Mapping[str, Json]) -> dict[str, Any]:
    """Return what the fields show for arguments that stand in a row."""
    return {
        name_of(task, one): _shown_as(one, given[one.name])
        for one in task.parameters
        if one.name in given
    }


def read(parameter: Parameter, value: object) -> Json | Absent:
    """Return what was entered as JSON. Raises ValidationError with a sentence."""
    if value in (None, "", []):
        if not parameter.required:
            return ABSENT
        raise ValidationError(
            f"{parameter.name} is missing: give {parameter.in_words}."
        )
    found = _as_json(parameter, value)
    try:
        parameter.clean(found)
    except IllTypedError as error:
        raise ValidationError(str(error)) from None
    return found


def is_default(parameter: Parameter, value: Json) -> bool:
    return not parameter.required and value == parameter.default


def refuse_unknown(task: SchedulableTask, sent: Iterable[str]) -> list[str]:
    """Return a sentence for each argument that was sent and the task does not take."""
    start = f"{PREFIX}:{task.name}:"
    names = [name.removeprefix(start) for name in sent if name.startswith(start)]
    unknown = [name for name in names if task.parameter(name) is None]
    return [task.problems_with({name: None})[0] for name in unknown]


def _labelled(parameter: Parameter) -> forms.Field:
    field = _field_for(parameter)
    field.required = False
    field.label = parameter.name.replace("_", " ").capitalize()
    field.help_text = _help(parameter)
    return field


def _help(parameter: Parameter) -> str:
    if isinstance(parameter.type, types.Boolean) and not parameter.nullable:
        return ""
    kind = parameter.type.in_words
    words = kind[:1].upper() + kind[1:]
    if parameter.required:
        return f"{words}. It must be given."
    if isinstance(parameter.type, types.ListOf) and parameter.type.choices:
        # The boxes say what there is to choose.
        return f"None ticked: {_default_in_words(parameter)}."
    return f"{words}. Empty: {_default_in_words(parameter)}."


def _default_in_words(parameter: Parameter) -> str:
    if parameter.default is None:
        return "not given, and the task decides"
    return shown(parameter.default)


def _field_for(parameter: Parameter) -> forms.Field:
    kind = parameter.type
    if isinstance(kind, types.ListOf):
        return _list_field(kind)
    if isinstance(kind, types.Boolean) and not parameter.nullable:
        return forms.BooleanField(initial=bool(parameter.default))
    if isinstance(kind, types.Boolean):
        return _choice_field([(json.dumps(True), "yes"), (json.dumps(False), "no")])
    if kind.choices:
        return _choice_field(_offered(kind))
    return _PLAIN[type(kind)]()


def _choice_field(offered: list[tuple[str, str]]) -> forms.Field:
    return forms.ChoiceField(choices=[("", "—"), *offered])


def _offered(kind: types.ValueType) -> list[tuple[str, str]]:
    return [(json.dumps(choice.json), choice.label) for choice in kind.choices]


def _list_field(kind: types.ListOf) -> forms.Field:
    if kind.choices:
        return forms.MultipleChoiceField(
            choices=_offered(kind), widget=forms.CheckboxSelectMultiple
        )
    return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), strip=False)


def _number(**options: Any) -> forms.Field:
    return forms.FloatField(**options)


def _day() -> forms.Field:
    return forms.DateField(
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


_PLAIN: dict[type[types.ValueType], Callable[[], forms.Field]] = {
    types.Integer: forms.IntegerField,
    types.Number: _number,
    types.Text: lambda: forms.CharField(strip=False),
    types.Date: _day,
    types.Moment: instant_field,
}


def _shown_as(parameter: Parameter, value: Json) -> Any:
    """Return what a field shows for a value of JSON, be it of the right type or not."""
    kind = parameter.type
    if value is None:
        return None
    if isinstance(kind, types.ListOf) and isinstance(value, list):
        if kind.choices:
            return [json.dumps(item) for item in value]
        return "\n".join(str(item) for item in value)
    if kind.choices or (isinstance(kind, types.Boolean) and parameter.nullable):
        return json.dumps(value)
    try:
        return kind.clean(value)
    except IllTypedError:
        return value


def _as_json(parameter: Parameter, value: Any) -> Json:
    kind = parameter.type
    if isinstance(kind, types.ListOf):
        items = value if kind.choices else value.splitlines()
        return [_item(kind.item, item) for item in items if item.strip()]
    if kind.choices or (isinstance(kind, types.Boolean) and parameter.nullable):
        return _decoded(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _item(kind: types.ValueType, text: str) -> Json:
    """Return a line of a list as JSON: a text as it stands, all else as written."""
    if kind.choices or not isinstance(kind, types.Text | types.Date | types.Moment):
        return _decoded(text.strip())
    return text.strip("\r\n")


def _decoded(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
