"""The tasks that staff may schedule, with their parameters.

What is not marked `@schedulable` is run by no schedule, whoever wrote the row.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar, get_type_hints

from django.utils.module_loading import autodiscover_modules

from scheduling.parameters import (
    IllTypedError,
    Json,
    Moment,
    Parameter,
    UnknownTypeError,
    Value,
    read_annotation,
    shown,
)

SLOT = "slot"
SHORTEST_INTERVAL = timedelta(seconds=60)

DryRun = Callable[..., str]
CeleryTask = Any
Marked = TypeVar("Marked", bound=CeleryTask)

_SLOT = Parameter(SLOT, Moment(), required=False, nullable=True)
_by_name: dict[str, SchedulableTask] = {}


class NotSchedulableError(TypeError):
    """A task's signature cannot be offered to staff; str() says why, and what to do."""


@dataclass(frozen=True)
class SchedulableTask:
    """A task as staff see it.

    ``parameters`` are theirs to fill in; a ``slot``, which ``takes_slot`` tells of,
    is the clock's.
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    min_interval: timedelta
    takes_slot: bool
    positional: tuple[str, ...]
    dry_runner: DryRun | None = None

    @property
    def summary(self) -> str:
        """Return the first line of the docstring."""
        return self.doc.partition("\n")[0]

    def parameter(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if one.name == name), None)

    def by_name(self, args: Sequence[Json]) -> dict[str, Json]:
        """Return positional arguments under the names of their parameters.

        The slot is passed over. Raises IllTypedError where there are too many.
        """
        if len(args) > len(self.positional):
            raise IllTypedError(
                f"{self.name} takes {len(self.positional)} positional arguments at "
                f"most, not {len(args)}."
            )
        return dict(zip(self.positional, args, strict=False))

    def problems_with(self, kwargs: Mapping[str, Json]) -> list[str]:
        """Return a sentence for each argument that is missing, unknown or ill-typed."""
        return [
            problem
            for problem in (
                *(self._problem_with(name, value) for name, value in kwargs.items()),
                *(
                    f"{one.name} is missing: {one.in_words}."
                    for one in self.parameters
                    if one.required and one.name not in kwargs
                ),
            )
            if problem
        ]

    def received(self, kwargs: Mapping[str, Json]) -> dict[str, Any]:
        """Convert arguments from JSON to the types of the task's annotations.

        Values that do not fit are passed on unchanged, for the task to refuse.
        """
        return {name: self._received(name, value) for name, value in kwargs.items()}

    def dry_run(self, **kwargs: Json) -> str | None:
        """Return what the task would do now, in a sentence; None: it cannot tell.

        Reads only. Takes the task's arguments as JSON. Raises IllTypedError.
        """
        if self.dry_runner is None:
            return None
        if problems := self.problems_with(kwargs):
            raise IllTypedError(" ".join(problems))
        return self.dry_runner(**self.received(kwargs))

    def _problem_with(self, name: str, value: Json) -> str:
        parameter = self.parameter(name)
        if name == SLOT and self.takes_slot:
            return "slot is filled in by the clock: leave it out."
        if parameter is None:
            known = ", ".join(one.name for one in self.parameters) or "none"
            # Escaped if necessary: PostgreSQL cannot store every string as text.
            named = name if name.isprintable() else shown(name)
            return f"{named[:60]} is not an argument of this task; it takes: {known}."
        try:
            parameter.clean(value)
        except IllTypedError as error:
            return str(error)
        return ""

    def _received(self, name: str, value: Json) -> Value:
        parameter = _SLOT if name == SLOT else self.parameter(name)
        if parameter is None:
            return value
        try:
            return parameter.clean(value)
        except IllTypedError:
            return value


def schedulable(
    *, min_interval: timedelta = SHORTEST_INTERVAL, dry_run: DryRun | None = None
) -> Callable[[Marked], Marked]:
    """Let staff schedule a task; stands above `@shared_task`.

    The signature says what they can fill in: bool, int, float, str, date, datetime,
    Literal, an Enum, a list of one of these, each also as Optional; Annotated around
    it adds Django's validators. A parameter ``slot: datetime | None = None`` is filled
    in by the clock. ``min_interval`` is the shortest time from run to run. ``dry_run``
    takes the same arguments, reads only, and says in a sentence what the task would
    do now.

    Raises NotSchedulableError for any other signature.
    """

    def mark(task: Marked) -> Marked:
        _by_name[task.name] = _read(task, min_interval, dry_run)
        return task

    return mark


def find(name: str) -> SchedulableTask | None:
    """Return the task of that name, if staff may schedule it."""
    _import_tasks()
    return _by_name.get(name)


def all_tasks() -> list[SchedulableTask]:
    """Return what staff may schedule, by name."""
    _import_tasks()
    return sorted(_by_name.values(), key=lambda task: task.name)


@cache
def _import_tasks() -> None:
    """Import the tasks modules of all apps; a web process does not do so by itself."""
    autodiscover_modules("tasks")


def _read(
    task: CeleryTask, min_interval: timedelta, dry_run: DryRun | None
) -> SchedulableTask:
    signature = inspect.signature(task.run)
    hints = _hints(task)
    parameters = [
        _read_parameter(task.name, parameter, hints)
        for parameter in signature.parameters.values()
        if parameter.name != SLOT
    ]
    takes_slot = SLOT in signature.parameters
    if takes_slot:
        _check_slot(task.name, signature.parameters[SLOT], hints)
    found = SchedulableTask(
        name=task.name,
        doc=inspect.getdoc(task.run) or "",
        parameters=tuple(parameters),
        min_interval=min_interval,
        takes_slot=takes_slot,
        positional=_positional(signature),
        dry_runner=dry_run,
    )
    if dry_run:
        _check_dry_run(found, dry_run)
    return found


def _hints(task: CeleryTask) -> dict[str, Any]:
    function = inspect.unwrap(getattr(task.run, "__func__", task.run))
    try:
        return get_type_hints(function, include_extras=True)
    except (AttributeError, NameError, TypeError) as error:
        raise NotSchedulableError(
            f"{task.name} cannot be scheduled: its annotations cannot be read "
            f"({error}). Import their types at run time; Annotated goes around "
            "Optional."
        ) from error


def _positional(signature: inspect.Signature) -> tuple[str, ...]:
    return tuple(
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name != SLOT
    )


def _read_parameter(
    task: str, parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> Parameter:
    _check_kind(task, parameter)
    if parameter.name not in hints:
        raise NotSchedulableError(
            f"{task} cannot be scheduled: {parameter.name} has no annotation. "
            "Annotate it, or staff could give it anything."
        )
    try:
        found, nullable, validators = read_annotation(hints[parameter.name])
    except UnknownTypeError as error:
        raise NotSchedulableError(
            f"{task} cannot be scheduled: {parameter.name}: {error}. Take a bool, int, "
            "float, str, date, datetime, Literal, Enum, or a list of one of these."
        ) from None
    read = Parameter(
        parameter.name,
        found,
        required=parameter.default is parameter.empty,
        nullable=nullable,
        validators=validators,
    )
    return read if read.required else _with_default(task, read, parameter.default)


def _check_kind(task: str, parameter: inspect.Parameter) -> None:
    if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        return
    raise NotSchedulableError(
        f"{task} cannot be scheduled: {str(parameter).partition(':')[0]} cannot be "
        "given by name. Give each parameter a name and an annotation of its own."
    )


def _with_default(task: str, parameter: Parameter, value: Value) -> Parameter:
    try:
        default = parameter.to_json(value)
        parameter.clean(default)
    except (IllTypedError, AttributeError, TypeError) as error:
        raise NotSchedulableError(
            f"{task} cannot be scheduled: the default of {parameter.name} does not "
            f"fit its annotation ({error}). Correct one of them."
        ) from None
    return replace(parameter, default=default)


def _check_slot(
    task: str, parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> None:
    if hints.get(SLOT) != datetime | None or parameter.default is not None:
        raise NotSchedulableError(
            f"{task} cannot be scheduled: slot is filled in by the clock, and is null "
            "where a run is asked for by hand. Declare slot: datetime | None = None."
        )


def _check_dry_run(task: SchedulableTask, dry_run: DryRun) -> None:
    names = [parameter.name for parameter in task.parameters]
    try:
        inspect.signature(dry_run).bind(**dict.fromkeys(names))
    except TypeError as error:
        raise NotSchedulableError(
            f"{task.name} cannot be scheduled: its dry run does not take the same "
            f"arguments ({error}). Give it the parameters {', '.join(names) or '()'}."
        ) from None
