"""The clock as Django knows it."""

from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    """The clock: which task runs when, and what a new installation starts with."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "scheduling"

    def ready(self) -> None:
        """Register the system checks: they are found by being imported."""
        from scheduling import checks  # noqa: F401, PLC0415 - needs loaded apps
