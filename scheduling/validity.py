"""Whether a schedule can run and, if not, why not: in sentences with the remedy.

Rows come from forms, from code and from SQL, so they may contain anything; nothing
here raises because of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NoReturn

from django_celery_beat.models import PeriodicTask

from scheduling import registry, slots
from scheduling.formatting import format_duration
from scheduling.models import Schedule
from scheduling.parameters import LONGEST_SHOWN, IllTypedError, Json, shown
from scheduling.registry import SchedulableTask
from scheduling.slots import (
    Clocked,
    Crontab,
    Interval,
    InvalidTimingError,
    Solar,
    Timing,
)
from scheduling.timing import timing_of

ROUTES = ("queue", "exchange", "routing_key", "priority")
#: A crontab has no two slots within it.
FINEST_CRONTAB = timedelta(minutes=1)
#: So many of a rule's next slots are looked at for two that are too close.
SLOTS_COMPARED = 60


@dataclass(frozen=True)
class Problem:
    """What is wrong with a field of a PeriodicTask.

    The message names the field in its sentence, and says what to do.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return self.message


class NotRunnableError(ValueError):
    """A schedule has no arguments that could be sent; str() says why."""


def problems_of(task: PeriodicTask, timing: Timing | None = None) -> list[Problem]:
    """Return everything that prevents a schedule from running; empty: it can run.

    ``timing`` is the task's, where the caller has it; else it is made here, which
    fetches the row of its schedule and, for the anchor, its Schedule. Never raises
    for what stands in the row.
    """
    known = registry.find(task.task)
    return [
        *_message_problems(task, known),
        *_timing_problems(task, known, timing),
    ]


def unsendable(task: PeriodicTask) -> str:
    """Return why a schedule's task cannot be sent, or ''; its timing is not checked.

    Cheap and without a query, because it is called for every slot.
    """
    problems = _message_problems(task, registry.find(task.task))
    return " ".join(problem.message for problem in problems)


def arguments_of(task: PeriodicTask) -> tuple[list[Json], dict[str, Json]]:
    """Return args and kwargs as JSON, ready to send.

    Positional arguments are returned under their names: the slot, which is passed
    over in counting them, can be added to kwargs. Raises NotRunnableError.
    """
    known = registry.find(task.task)
    problems = [*_task_problems(task, known), *_argument_problems(task, known)]
    if problems or known is None:
        raise NotRunnableError(" ".join(map(str, problems)))
    return [], {
        **known.by_name(_parsed(task.args, "[]")),
        **_parsed(task.kwargs, "{}"),
    }


def _message_problems(
    task: PeriodicTask, known: SchedulableTask | None
) -> list[Problem]:
    return [
        *_task_problems(task, known),
        *_argument_problems(task, known),
        *_envelope_problems(task),
    ]


def _task_problems(task: PeriodicTask, known: SchedulableTask | None) -> list[Problem]:
    if known:
        return []
    named = shown(task.task)
    return [
        Problem(
            "task",
            f"{named} is not a task that can be scheduled. Choose one of those "
            "offered, or mark it @schedulable in the code.",
        )
    ]


def _argument_problems(
    task: PeriodicTask, known: SchedulableTask | None
) -> list[Problem]:
    args, ill_args = _read("args", task.args, "[]", list)
    kwargs, ill_kwargs = _read("kwargs", task.kwargs, "{}", dict)
    if ill_args or ill_kwargs or known is None:
        return [*ill_args, *ill_kwargs]
    try:
        named = known.by_name(args)
    except IllTypedError as error:
        return [Problem("args", f"{error} Give them by name in kwargs instead.")]
    twice = sorted(named.keys() & kwargs.keys())
    return [
        *(
            Problem("args", f"{name} is in args and in kwargs: keep one of them.")
            for name in twice
        ),
        *(
            Problem("kwargs", message)
            for message in known.problems_with({**named, **kwargs})
        ),
    ]


def _read(
    field: str, text: object, empty: str, shape: type[list[Any] | dict[str, Any]]
) -> tuple[Json, list[Problem]]:
    in_words = "a JSON list" if shape is list else "a JSON object"
    try:
        value = _parsed(text, empty)
    except (TypeError, ValueError, RecursionError):
        value = None
    if isinstance(value, shape):
        return value, []
    return None, [
        Problem(
            field,
            f"{field} must be {in_words} such as {empty}, not {_excerpt(text)}. "
            f"Write {empty} for none.",
        )
    ]


def _parsed(text: object, empty: str) -> Json:
    """Return what stands in a field of JSON; an empty field is ``empty``.

    Raises TypeError, ValueError or RecursionError.
    """
    if not isinstance(text, str):
        raise TypeError("a field of JSON is a text")
    return json.loads(text or empty, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _excerpt(text: object) -> str:
    """Return the text of a JSON field, shortened for a sentence."""
    if not isinstance(text, str) or not text.isprintable():
        return shown(text)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _envelope_problems(task: PeriodicTask) -> list[Problem]:
    """Return the options that would route the message away from its worker."""
    problems = [
        Problem(
            name,
            f"{name} must be empty, not {shown(getattr(task, name))}: the project's "
            "settings say where a task runs. Clear it.",
        )
        for name in ROUTES
        if getattr(task, name) not in (None, "")
    ]
    headers, ill = _read("headers", task.headers or "", "{}", dict)
    if ill or headers:
        problems.append(
            Problem(
                "headers",
                f"headers must be empty, not {_excerpt(task.headers)}: the clock "
                "writes its own. Write {} there.",
            )
        )
    return problems


def _timing_problems(
    task: PeriodicTask, known: SchedulableTask | None, timing: Timing | None
) -> list[Problem]:
    if timing is None:
        try:
            timing = timing_of(task, _anchor(task))
        except InvalidTimingError as error:
            return [Problem(error.field, str(error))]
    field = _FIELDS[type(timing.rule)]
    if known and _is_too_often(timing, known.min_interval):
        return [Problem(field, _too_often(known))]
    # A schedule that has had its last slot switches itself off.
    if task.enabled and slots.next_slot(timing, timing.anchor) is None:
        return [
            Problem(
                field,
                "It never fires: its time has passed, or none falls between its "
                "start and its end. Choose another.",
            )
        ]
    return []


def _anchor(task: PeriodicTask) -> datetime:
    """Return since when the clock knows the task; now, where it does not yet."""
    try:
        anchor: datetime = task.clock.anchor
    except Schedule.DoesNotExist:
        return datetime.now(UTC)
    return anchor


def _is_too_often(timing: Timing, least: timedelta) -> bool:
    if isinstance(timing.rule, Interval):
        return timing.rule.every < least
    if timing.one_off or least <= FINEST_CRONTAB:
        return False
    # Two that are close recur with the hour or the day, so the first ones show it.
    first = slots.next_slots(timing, timing.anchor, SLOTS_COMPARED)
    return any(later - earlier < least for earlier, later in pairwise(first))


def _too_often(known: SchedulableTask) -> str:
    least = format_duration(known.min_interval)
    return (
        f"It runs too often for {known.name}: there must be at least {least} between "
        "two runs. Choose a longer interval."
    )


_FIELDS = {
    Interval: "interval",
    Crontab: "crontab",
    Solar: "solar",
    Clocked: "clocked",
}
