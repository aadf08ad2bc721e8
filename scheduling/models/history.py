"""How schedules and their policies stood after each change, and who made it.

Written by django-simple-history with every `save`. What goes past it (bulk updates,
raw SQL, the clock's own writes) leaves no version: see `scheduling/history.py`.
"""

import json
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.dispatch import receiver
from django_celery_beat.models import PeriodicTask
from simple_history import register
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

from scheduling.definitions import KINDS, in_row, tolerate_unknown_zone
from scheduling.models.schedule import Schedule


class WithTiming(models.Model):
    """A version of a PeriodicTask that holds its schedule's fields, by kind.

    Not the reference: the row that it leads to may be edited for another's sake.
    """

    timing = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        abstract = True


class Versions(HistoricalRecords):  # type: ignore[misc] # it publishes no types
    """Versions that differ: a save that changes nothing leaves none.

    The stock scheduler saves the whole task with every run.
    """

    def post_save(
        self,
        instance: models.Model,
        created: bool,  # noqa: FBT001 - as the signal has it
        **of_signal: Any,  # noqa: ANN401 - as above
    ) -> None:
        """Pass over what the clock writes: it is none of the fields that are kept."""
        written = of_signal.get("update_fields")
        kept = {*KINDS} | {field.name for field in self.fields_included(instance)}
        if written is None or not kept.isdisjoint(written):
            super().post_save(instance, created, **of_signal)

    def create_historical_record(
        self, instance: models.Model, history_type: str, using: str | None = None
    ) -> None:
        if history_type != "~" or not _is_latest(instance):
            super().create_historical_record(instance, history_type, using)


register(
    PeriodicTask,
    app="scheduling",
    records_class=Versions,
    custom_model_name="TaskVersion",
    bases=[WithTiming],
    excluded_fields=[*KINDS, "last_run_at", "total_run_count", "date_changed"],
    history_id_field=models.BigAutoField(),
    verbose_name="version of a schedule",
    verbose_name_plural="versions of schedules",
)
register(
    Schedule,
    app="scheduling",
    records_class=Versions,
    custom_model_name="PolicyVersion",
    excluded_fields=[
        field.name
        for field in Schedule._meta.fields  # noqa: SLF001 - documented by Django
        if not field.editable
    ],
    history_id_field=models.BigAutoField(),
    verbose_name="version of a schedule's policies",
    verbose_name_plural="versions of schedules' policies",
)

TaskVersion: Any = PeriodicTask.history.model
PolicyVersion: Any = Schedule.history.model  # type: ignore[attr-defined] # put there


@receiver(pre_create_historical_record, sender=TaskVersion)
def keep_timing(
    instance: PeriodicTask,
    history_instance: Any,  # noqa: ANN401 - its class is made at run time
    **_others: object,
) -> None:
    history_instance.timing = timing_of(instance)


def timing_of(task: PeriodicTask) -> dict[str, Any]:
    """Return a task's schedule, by kind, as it comes back from the database.

    Empty where its row went before the task did.
    """
    try:
        tolerate_unknown_zone(task)
        timing = in_row(task)["schedule"]
    except ObjectDoesNotExist:
        return {}
    kept: dict[str, Any] = json.loads(json.dumps(timing, cls=DjangoJSONEncoder))
    return kept


def _is_latest(instance: models.Model) -> bool:
    """Return whether the latest version says the same as the instance."""
    latest = instance.history.first()  # type: ignore[attr-defined] # as above
    return latest is not None and tells_of(latest, instance)


def tells_of(version: Any, instance: models.Model) -> bool:  # noqa: ANN401 - as above
    """Return whether a version says what the instance says."""
    names = [field.attname for field in version.tracked_fields]
    if any(getattr(version, name) != getattr(instance, name) for name in names):
        return False
    is_task = isinstance(instance, PeriodicTask)
    return not is_task or version.timing == timing_of(instance)
