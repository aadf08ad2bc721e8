"""System checks of the clock."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import ProgrammingError
from django_celery_beat.models import PeriodicTask

from scheduling.timing import with_schedules
from scheduling.validity import problems_of

OUR_SCHEDULER = "scheduling.beat:SlotScheduler"
LOST_WITHOUT_IT = (
    "Two beats send every slot twice.",
    "A slot that falls due while the broker is away is lost.",
    "Slots missed by a stopped beat are caught up late, or twice, or never.",
    "No run is recorded, so nobody sees what ran and why the rest did not.",
    "Pauses and the policies for catch-up and overlap are ignored.",
    "What may be scheduled, and how often, is not checked before sending.",
    "A single row that cannot be read stops all schedules.",
)


@register
def check_beat_schedule_is_empty(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - Django's signature
    **kwargs: Any,  # noqa: ANN401, ARG001 - Django's signature
) -> list[CheckMessage]:
    """Refuse schedules in the settings.

    The clock does not read CELERY_BEAT_SCHEDULE: its entries would never run. Stock
    beat would write them over the rows of the same name at every start.
    """
    entries = getattr(settings, "CELERY_BEAT_SCHEDULE", None) or {}
    if not entries:
        return []
    return [
        Error(
            f"CELERY_BEAT_SCHEDULE holds entries: {', '.join(sorted(entries))}.",
            hint="Move them to scheduling/defaults.py. The clock runs what is in the "
            "tables; entries in the settings would never run.",
            id="scheduling.E001",
        )
    ]


@register
def check_beat_scheduler_is_ours(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - Django's signature
    **kwargs: Any,  # noqa: ANN401, ARG001 - Django's signature
) -> list[CheckMessage]:
    """Say what is lost with another scheduler; tasks run with it all the same."""
    scheduler = getattr(settings, "CELERY_BEAT_SCHEDULER", None)
    if scheduler == OUR_SCHEDULER:
        return []
    return [
        CheckWarning(
            f"CELERY_BEAT_SCHEDULER is {scheduler!r}, not {OUR_SCHEDULER!r}. "
            + " ".join(LOST_WITHOUT_IT),
            hint=f"Set CELERY_BEAT_SCHEDULER = {OUR_SCHEDULER!r}.",
            id="scheduling.W001",
        )
    ]


@register(Tags.database)
def check_schedules_can_run(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - Django's signature
    databases: Sequence[str] | None = None,
    **kwargs: Any,  # noqa: ANN401, ARG001 - Django's signature
) -> list[CheckMessage]:
    """Name the schedules that are on and cannot run.

    Runs only with `check --database default`, and in `migrate`: a warning, because a
    row that staff have edited must not block a deployment.
    """
    return [
        CheckWarning(
            f"The schedule {task.name!r} (id {task.pk}) cannot run: {problem.message}",
            hint="Correct it in Django Admin, or switch it off there.",
            id="scheduling.W002",
        )
        for alias in databases or ()
        for task in _switched_on(alias)
        for problem in problems_of(task)
    ]


def _switched_on(alias: str) -> list[PeriodicTask]:
    tasks = with_schedules(PeriodicTask.objects.using(alias).filter(enabled=True))
    try:
        return list(tasks.select_related("clock").order_by("pk"))
    except ProgrammingError:
        # `migrate` runs it before the tables, or some of their columns, exist.
        return []
