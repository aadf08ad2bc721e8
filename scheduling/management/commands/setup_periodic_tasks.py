"""Create the default schedules that are missing."""

from typing import Any

from django.core.management.base import BaseCommand

from scheduling.seeding import apply_defaults


class Command(BaseCommand):
    """Print one line for each schedule of the table of defaults."""

    help = (
        "Creates the default schedules that are missing. Schedules that exist are "
        "left as they stand. May run at any time, also several times at once."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Apply the table of defaults."""
        for schedule in apply_defaults():
            outcome = "created" if schedule.created else "kept"
            self.stdout.write(f"{outcome:<8}{schedule.name}")
