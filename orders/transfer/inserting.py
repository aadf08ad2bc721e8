"""INSERT … SELECT into a model's table, with the model's own defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, models
from psycopg import sql

from orders.services.timeline import table


def insert(
    model: type[models.Model],
    columns: Mapping[str, str | sql.Composable],
    source: sql.Composable,
) -> sql.Composable:
    """Return a statement that writes a row for each row of ``source``.

    ``columns`` maps columns to SQL over ``source``, which begins with FROM. A column
    that is left out takes its field's default, as it does in ``Model.save``; one
    without any is left to the database, which fills or refuses it.
    """
    values = _defaults(model) | {
        name: sql.SQL(value) if isinstance(value, str) else value
        for name, value in columns.items()
    }
    return sql.SQL("INSERT INTO {} ({}) SELECT {} {}").format(
        table(model),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
        source,
    )


def _defaults(model: type[models.Model]) -> dict[str, sql.Composable]:
    return {
        field.column: sql.Literal(
            field.get_db_prep_save(field.get_default(), connection)
        )
        for field in model._meta.concrete_fields  # noqa: SLF001 - Django's public API
        if _has_default(field)
    }


def _has_default(field: models.Field[Any, Any]) -> bool:
    # A primary key's default is one value; each row needs its own.
    return field.has_default() and not field.primary_key
