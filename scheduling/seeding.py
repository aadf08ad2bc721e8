"""Bring django-celery-beat's tables in line with the table of defaults."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from scheduling import definitions
from scheduling.defaults import DEFAULT_SCHEDULES, DefaultSchedule
from scheduling.merging import Difference, merge
from scheduling.models import AppliedDefault
from scheduling.shared_rows import references_to


class Outcome(StrEnum):
    """What becomes of one default."""

    CREATED = "created"
    MOVED = "moved"
    RESET = "reset"
    # Differs from the table as staff want it.
    KEPT = "kept"
    SAME = "same"
    # Has the name of a default, and was not made from the table.
    FOREIGN = "foreign"


@dataclass(frozen=True, kw_only=True)
class SeededSchedule:
    """The outcome for one default: the fields that are written and those kept."""

    name: str
    outcome: Outcome
    moved: tuple[Difference, ...] = ()
    kept: tuple[Difference, ...] = ()

    @property
    def is_drift(self) -> bool:
        """Whether a deploy would still change the schedule.

        An edit by staff is not drift, because no deploy will ever change it.
        """
        return self.outcome in {Outcome.CREATED, Outcome.MOVED}


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the database holds under the name of a default."""

    task: PeriodicTask | None
    record: dict[str, Any] | None


def check_defaults(
    defaults: Iterable[DefaultSchedule] = DEFAULT_SCHEDULES,
) -> list[SeededSchedule]:
    """Return what `apply_defaults` would do now. Writes nothing, locks nothing."""
    return [_compare(default, _read(default)) for default in defaults]


def apply_defaults(
    defaults: Iterable[DefaultSchedule] = DEFAULT_SCHEDULES,
) -> list[SeededSchedule]:
    """Create the schedules that are missing, and move the fields that staff left alone.

    Without a difference, nothing is written or locked. May run in several processes
    at once: one of them writes, the others find it done.
    """
    return [_apply(default) for default in defaults]


@transaction.atomic
def reset_default(default: DefaultSchedule) -> SeededSchedule:
    """Set a schedule to what the table says, whoever created or changed it.

    When it last ran, and how often, is kept. From now on it counts as made from the
    table.
    """
    if _create_if_missing(default):
        return SeededSchedule(name=default.name, outcome=Outcome.CREATED)
    found = _lock(default)
    standing = definitions.in_row(found.task)
    # With the current values as those applied, no difference counts as an edit.
    plan = merge(
        applied=standing, standing=standing, default=definitions.in_table(default)
    )
    _write(found, plan.moved)
    _record(default)
    return SeededSchedule(name=default.name, outcome=Outcome.RESET, moved=plan.moved)


def _apply(default: DefaultSchedule) -> SeededSchedule:
    """Merge one default.

    One transaction for each schedule, and none if there is nothing to do: a deploy
    neither waits for an edit in Admin nor holds one up.
    """
    found = _read(default)
    if _is_settled(default, found):
        return _compare(default, found)
    with transaction.atomic():
        if _create_if_missing(default):
            return SeededSchedule(name=default.name, outcome=Outcome.CREATED)
        found = _lock(default)
        seeded = _compare(default, found)
        if seeded.outcome is not Outcome.FOREIGN:
            _write(found, seeded.moved)
            _record(default)
    return seeded


def _is_settled(default: DefaultSchedule, found: _Found) -> bool:
    """Return whether the table as it is now has been merged already."""
    seeded = _compare(default, found)
    return seeded.outcome is Outcome.FOREIGN or (
        not seeded.is_drift and found.record == definitions.to_record(default)
    )


def _compare(default: DefaultSchedule, found: _Found) -> SeededSchedule:
    if found.task is None:
        return SeededSchedule(name=default.name, outcome=Outcome.CREATED)
    plan = merge(
        applied=definitions.in_record(found.record) if found.record else None,
        standing=definitions.in_row(found.task),
        default=definitions.in_table(default),
    )
    outcome = Outcome.SAME
    if found.record is None:
        outcome = Outcome.FOREIGN
    elif plan.moved:
        outcome = Outcome.MOVED
    elif plan.kept:
        outcome = Outcome.KEPT
    return SeededSchedule(
        name=default.name, outcome=outcome, moved=plan.moved, kept=plan.kept
    )


def _read(default: DefaultSchedule) -> _Found:
    task = PeriodicTask.objects.filter(name=default.name).first()
    if task:
        definitions.tolerate_unknown_zone(task)
    return _Found(task=task, record=_read_record(default))


def _read_record(default: DefaultSchedule) -> dict[str, Any] | None:
    applied = AppliedDefault.objects.filter(name=default.name).first()
    return applied.definition if applied else None


def _lock(default: DefaultSchedule) -> _Found:
    """Lock the row that notifies stock beat, then the task; then read the rest again.

    This is the order of every edit in Admin: `PeriodicTask.save` writes that row
    first. In the opposite order the two would deadlock.
    """
    list(PeriodicTasks.objects.select_for_update())
    PeriodicTask.objects.select_for_update().filter(name=default.name).first()
    return _read(default)


def _create_if_missing(default: DefaultSchedule) -> bool:
    """Lock, and return whether the schedule was missing and has been created."""
    if _lock(default).task is not None or not _insert(default):
        return False
    _record(default)
    return True


def _insert(default: DefaultSchedule) -> bool:
    """Create the schedule, unless another process has created it in the meantime.

    The unique name decides: the model's validation sees a row that is committed by
    then, the constraint one that is committed later. The loser's crontab is rolled
    back with its schedule.
    """
    says = definitions.in_table(default)
    try:
        with transaction.atomic():
            PeriodicTask.objects.create(
                name=default.name,
                task=says["task"],
                description=says["description"],
                **references_to(says["schedule"]),
            )
    except (IntegrityError, ValidationError):
        if not PeriodicTask.objects.filter(name=default.name).exists():
            raise
        return False
    return True


def _write(found: _Found, moved: tuple[Difference, ...]) -> None:
    """Write these fields of the locked task and no others, and notify stock beat.

    Not with `save`, which would also write `last_run_at`, and which rejects a row
    with an invalid value in another field.
    """
    if not moved or found.task is None:
        return
    values = {difference.field: difference.default for difference in moved}
    if not values.keys() <= {"task", "description"}:
        # Stock beat counts from this date until the first run, so only a change of
        # the timing may move it, and a change of wording may not.
        values["date_changed"] = timezone.now()
    if "schedule" in values:
        values |= references_to(values.pop("schedule"))
    PeriodicTask.objects.filter(pk=found.task.pk).update(**values)
    PeriodicTasks.update_changed()


def _record(default: DefaultSchedule) -> None:
    """Record what was merged, unless it is recorded already."""
    record = definitions.to_record(default)
    if record == _read_record(default):
        return
    AppliedDefault.objects.update_or_create(
        name=default.name,
        defaults={"definition": record, "applied_at": timezone.now()},
    )
