"""System checks of the clock."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def check_beat_schedule_is_empty(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - Django's signature
    **kwargs: Any,  # noqa: ANN401, ARG001 - Django's signature
) -> list[CheckMessage]:
    """Refuse schedules in the settings.

    Beat writes the entries of CELERY_BEAT_SCHEDULE over the rows of the same name
    at every start, and so takes back what staff changed in Django Admin.
    """
    entries = getattr(settings, "CELERY_BEAT_SCHEDULE", None) or {}
    if not entries:
        return []
    return [
        Error(
            f"CELERY_BEAT_SCHEDULE holds entries: {', '.join(sorted(entries))}.",
            hint="Move them to scheduling/defaults.py; entries in the settings "
            "revert the edits of staff whenever beat starts.",
            id="scheduling.E001",
        )
    ]
