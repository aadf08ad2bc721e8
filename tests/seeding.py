"""The rows that migrations put into a new database, put there once more.

A test with `transaction=True` ends with every table emptied. What a migration seeds
later is added to SEEDS.
"""

from functools import cache
from importlib import import_module

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import StateApps

SEEDS = (
    ("orders.migrations.0003_seed_close_policies", "seed"),
    ("scheduling.migrations.0002_seed_default_schedules", "seed_schedules"),
    ("scheduling.migrations.0007_scheduler_group", "make_group"),
)


def seed_again() -> None:
    """Run the migrations' own functions; rows that exist are left alone."""
    apps = _as_migrations_see_them()
    with connection.schema_editor() as editor:
        for module, function in SEEDS:
            getattr(import_module(module), function)(apps, editor)
    # The schedules were there before the triggers that note a change.
    apps.get_model("scheduling", "ScheduleChange").objects.all().delete()


@cache
def _as_migrations_see_them() -> StateApps:
    """Return the models without their methods and signals, which would write more."""
    return MigrationLoader(None).project_state().apps
