"""The pages on which a schedule is added and changed."""

from __future__ import annotations

from django.contrib import admin


# A ModelAdmin is generic for the type checker alone.
class ScheduleFormPages(admin.ModelAdmin):  # type: ignore[type-arg]
    """What a form asks of a schedule, and what its page shows beside it."""
