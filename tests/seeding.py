"""The rows that migrations put into a new database, put there once more.

A test with `transaction=True` ends with every table emptied. What a migration seeds
later is added to SEEDS.
"""

from importlib import import_module

from django.apps import apps
from django.db import connection

SEEDS = (
    ("orders.migrations.0003_seed_close_policies", "seed"),
    ("scheduling.migrations.0002_seed_default_schedules", "seed_schedules"),
    ("scheduling.migrations.0007_scheduler_group", "make_group"),
)


def seed_again() -> None:
    """Run the migrations' own functions; rows that exist are left alone."""
    with connection.schema_editor() as editor:
        for module, function in SEEDS:
            getattr(import_module(module), function)(apps, editor)
