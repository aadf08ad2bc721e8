"""The clock as Django knows it."""

from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    """The clock: which task runs when, and what a new installation starts with."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "scheduling"
    verbose_name = "Clock"

    def ready(self) -> None:
        """Register the system checks, which importing does, and what deleting asks."""
        from scheduling import (  # noqa: F401, PLC0415 - need loaded apps
            checks,
            protection,
        )

        protection.protect_rows_in_use()
        protection.lock_schedules_first()
