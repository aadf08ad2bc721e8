"""Whether the database, its migrations, the broker and the clock are working.

Every check but the clock's opens a connection of its own, so that its time-outs hold
even if a server accepts a connection and then says nothing, and an exhausted pool
does not look like a lost database.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from scheduling.clock import database_now
from scheduling.watch import clock_faults

PATIENCE_SECONDS = 2


def database_fault() -> str:
    """Return why the database does not answer, or ''."""
    try:
        with _connect() as database:
            database.execute("SELECT 1")
    except psycopg.Error as error:
        return type(error).__name__
    return ""


def migrations_fault() -> str:
    """Return which migrations of this code the database does not have, or ''."""
    try:
        with _connect() as database:
            rows = database.execute("SELECT app, name FROM django_migrations")
            applied = set(rows.fetchall())
    except psycopg.Error as error:
        return type(error).__name__
    return ", ".join(f"{app}.{name}" for app, name in sorted(_needed() - applied))


def broker_fault() -> str:
    """Return why the broker does not answer, or ''."""
    client = Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
    except RedisError as error:
        return type(error).__name__
    finally:
        client.close()
    return ""


def clock_faults_in_time() -> dict[str, str]:
    """Return what is wrong with beat, worker and slots, or '' for each.

    Call it only if the database answers. If these queries take too long, the result
    names the clock.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE_SECONDS}s'")
            return clock_faults(database_now())
    except DatabaseError as error:
        return {"clock": type(error).__name__}


CHECKS: dict[str, Callable[[], str]] = {
    "database": database_fault,
    "migrations": migrations_fault,
    "broker": broker_fault,
}


def _connect() -> "psycopg.Connection[tuple[Any, ...]]":
    options = connection.settings_dict["OPTIONS"]
    parameters = {name: value for name, value in options.items() if name != "pool"}
    return psycopg.connect(
        dbname=connection.settings_dict["NAME"],
        user=connection.settings_dict["USER"],
        password=connection.settings_dict["PASSWORD"],
        host=connection.settings_dict["HOST"],
        port=connection.settings_dict["PORT"],
        **parameters | {"connect_timeout": PATIENCE_SECONDS},
    )


@cache
def _needed() -> set[tuple[str, str]]:
    """Read the migrations on disk, once: they change with the process only."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    replaced = {
        old
        for migration in loader.disk_migrations.values()
        for old in migration.replaces
    }
    return set(loader.disk_migrations) - replaced
