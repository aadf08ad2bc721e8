"""Who changed which fields of a schedule, and when, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import models
from django_celery_beat.models import PeriodicTask

from scheduling import definitions, timing
from scheduling.definitions import KINDS
from scheduling.durations import written
from scheduling.formatting import format_instant
from scheduling.models import PolicyVersion, Schedule, TaskVersion
from scheduling.models.history import tells_of, timing_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Values = dict[str, Any]

#: The most versions that are read of a schedule, and of its policies.
MOST_READ = 200
NOBODY = "Not by a logged-in user"
FOUND_SO = "Found like this: it was changed outside these pages"
STOOD_SO = "As it was before its first change here"

TASK_LABELS = {
    "name": "Name",
    "description": "Description",
    "task": "What runs",
    "kwargs": "Parameters",
    "args": "Positional arguments",
    "timing": "When",
    "enabled": "Enabled",
    "one_off": "Runs once only",
    "start_time": "Starts",
    "expires": "Ends",
    "expire_seconds": "Start within",
    "queue": "Queue",
    "exchange": "Exchange",
    "routing_key": "Routing key",
    "headers": "Headers",
    "priority": "Priority",
}
POLICY_LABELS = {
    "catch_up": "After an outage",
    "catch_up_window": "Catch-up window",
    "overlap": "When the last run is still at work",
    "jitter": "Jitter",
    "max_attempts": "Attempts",
    "time_limit": "Time limit",
    "alert_after": "Alert when late by",
    "pause_after_failures": "Pause after failures",
    "owner_email": "Alert e-mail",
}


@dataclass(frozen=True)
class Standing:
    """The state of a schedule at some time: its task's fields, and its policies.

    There are no policies if nobody has ever changed them.
    """

    task: Values
    policies: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One field that changed, with both values in words."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one person changed at one moment; ``key`` identifies that moment."""

    key: str
    at: datetime
    who: str
    reason: str
    is_first: bool
    changes: tuple[Change, ...]
    standing: Standing

    @property
    def words(self) -> list[tuple[str, str]]:
        """Return the state after it, in words."""
        return told(self.standing)


def standing_of(task: PeriodicTask, clock: Schedule | None) -> Standing:
    """Return the state of a schedule in these rows. Fetches the row of its timing."""
    policies = _values(PolicyVersion, clock) if clock else {}
    timing_now = {"timing": timing_of(task)}
    return Standing(_values(TaskVersion, task) | timing_now, policies)


def entries_of(task_id: int) -> list[Entry]:
    """Return the known history of a schedule, newest first. Three queries."""
    moments = _moments(task_id)
    if not moments:
        return []
    first, *_ = moments
    entries = [_entry(first, before=None)]
    entries += [_entry(after, before=before) for before, after in pairwise(moments)]
    entries = [entry for entry in entries if entry.is_first or entry.changes]
    return entries[::-1]


def entry_at(task_id: int, key: str) -> Entry | None:
    return next((one for one in entries_of(task_id) if one.key == key), None)


def changes_since(
    entries: Sequence[Entry], task: PeriodicTask, clock: Schedule | None
) -> tuple[Change, ...]:
    """Return what differs now from the newest entry: edits without an entry.

    SQL and bulk updates leave none, nor do edits of a crontab that it shares.
    """
    if not entries:
        return ()
    return changes_between(entries[0].standing, standing_of(task, clock))


def note_what_stands(task: PeriodicTask, clock: Schedule, *, at: datetime) -> None:
    """Save a version of the current rows if the latest version differs from them.

    Bulk updates and SQL leave no version, nor does the clock. Called before a change,
    so that a person is credited with their own change and nothing more.
    """
    before = at - timedelta(microseconds=1)
    for model, row in ((TaskVersion, task), (PolicyVersion, clock)):
        latest = _versions(model, task.pk).first()
        if latest is not None and tells_of(latest, row):
            continue
        values = {name: getattr(row, name) for name in _columns(model)}
        if model is TaskVersion:
            values["timing"] = timing_of(task)
        model.objects.create(
            **values,
            history_date=before,
            history_type="~",
            history_change_reason=FOUND_SO if latest else STOOD_SO,
        )


def changes_between(before: Standing, after: Standing) -> tuple[Change, ...]:
    """Return each field that differs, in words."""
    return (
        *_differences(before.task, after.task, TASK_LABELS),
        *_differences(before.policies, after.policies, POLICY_LABELS),
    )


def told(standing: Standing) -> list[tuple[str, str]]:
    """Return every field that is set, with its label, in words."""
    labels = TASK_LABELS | POLICY_LABELS
    values = standing.task | standing.policies
    said = [(label, in_words(name, values.get(name))) for name, label in labels.items()]
    return [(label, words) for label, words in said if words != "none"]


def in_words(name: str, value: Any) -> str:  # noqa: ANN401 - of any field
    """Return the value of a field as staff read it."""
    if name in _SPEAKERS and value is not None:
        return str(_SPEAKERS[name](value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return written(value)
    if isinstance(value, datetime):
        return format_instant(value)
    return "none" if value in (None, "") else str(value)


def row_of(kind: str, fields: Mapping[str, Any]) -> models.Model:
    """Return an unsaved row of django-celery-beat's with fields that a version kept."""
    return definitions.row_of(kind, from_json(kind, fields))


def from_json(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a row as a form shows them, from what a version kept."""
    columns = KINDS[kind]._meta  # noqa: SLF001 - documented by Django
    return {
        name: value if name == "timezone" else columns.get_field(name).to_python(value)
        for name, value in fields.items()
    }


def timing_in_words(kept: Mapping[str, Mapping[str, Any]]) -> str:
    rows = {kind: row_of(kind, fields) for kind, fields in kept.items()}
    return timing.in_words(PeriodicTask(**rows)) if rows else "never"


@dataclass(frozen=True)
class _Moment:
    """The versions that were written at one moment, and the state after it."""

    at: datetime
    versions: list[Any]
    standing: Standing


def _moments(task_id: int) -> list[_Moment]:
    """Return the moments at which something was written, the oldest first."""
    versions = [*_read(TaskVersion, task_id), *_read(PolicyVersion, task_id)]
    versions.sort(key=lambda version: version.history_date)
    found: dict[datetime, _Moment] = {}
    # The first version of the policies is their state before the first change.
    policies = [version for version in versions if isinstance(version, PolicyVersion)]
    standing = Standing({}, _values(PolicyVersion, policies[0]) if policies else {})
    for version in versions:
        standing = _after(standing, version)
        at = version.history_date
        together = found[at].versions if at in found else []
        found[at] = _Moment(at, [*together, version], standing)
    return [moment for moment in found.values() if moment.standing.task]


def _read(model: Any, task_id: int) -> list[Any]:  # noqa: ANN401 - made at run time
    return list(_versions(model, task_id).select_related("history_user")[:MOST_READ])


def _versions(model: Any, task_id: int) -> Any:  # noqa: ANN401 - made at run time
    of_task = {model.instance_type._meta.pk.attname: task_id}  # noqa: SLF001 - documented
    return model.objects.filter(**of_task)


def _after(standing: Standing, version: Any) -> Standing:  # noqa: ANN401 - as above
    if isinstance(version, PolicyVersion):
        return Standing(standing.task, _values(PolicyVersion, version))
    values = _values(TaskVersion, version) | {"timing": version.timing}
    return Standing(values, standing.policies)


def _values(model: Any, row: Any) -> Values:  # noqa: ANN401 - as above
    values = {name: getattr(row, name) for name in _columns(model)}
    values.pop("id", None)
    values.pop("periodic_task_id", None)
    return values


def _columns(model: Any) -> list[str]:  # noqa: ANN401 - as above
    return [column.attname for column in model.tracked_fields]


def _entry(moment: _Moment, before: _Moment | None) -> Entry:
    signed = next((v for v in moment.versions if v.history_user), moment.versions[0])
    changes = changes_between(before.standing, moment.standing) if before else ()
    return Entry(
        key=moment.at.isoformat(),
        at=moment.at,
        who=_name(signed.history_user),
        reason=signed.history_change_reason or "",
        is_first=before is None,
        changes=changes,
        standing=moment.standing,
    )


def _name(user: User | None) -> str:
    return NOBODY if user is None else user.get_full_name() or user.get_username()


def _differences(
    before: Values, after: Values, labels: Mapping[str, str]
) -> Iterator[Change]:
    """Yield what differs; nothing is known of a side that is empty."""
    for name, label in labels.items():
        if not before or not after or before[name] == after[name]:
            continue
        yield Change(label, in_words(name, before[name]), in_words(name, after[name]))


def _json_in_words(text: str) -> str:
    """Return arguments as staff read them; unchanged if they are not JSON."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        return text
    if isinstance(found, dict):
        return _joined(f"{name} = {json.dumps(value)}" for name, value in found.items())
    return _joined(map(json.dumps, found)) if isinstance(found, list) else text


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts) or "none"


def _seconds_in_words(seconds: int) -> str:
    return written(timedelta(seconds=seconds))


_SPEAKERS: dict[str, Callable[[Any], Any]] = {
    "timing": timing_in_words,
    "kwargs": _json_in_words,
    "args": _json_in_words,
    "headers": _json_in_words,
    "expire_seconds": _seconds_in_words,
    "catch_up": lambda value: str(Schedule.CatchUp(value).label),
    "overlap": lambda value: str(Schedule.Overlap(value).label),
}
