"""The keys of many orders as one array in SQL.

A parameter for each of a thousand keys costs the client as much as PostgreSQL needs
to find the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F, Lookup
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


class Among(Lookup):  # type: ignore[type-arg]  # generic in its stubs alone
    """The condition that a column holds one of some keys."""

    prepare_rhs = False

    def __init__(self, column: str, ids: Iterable[UUID]) -> None:
        super().__init__(F(column), _array(ids))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::uuid[])", (*params, self.rhs)


def array(ids: Iterable[UUID]) -> sql.Composable:
    """Return the keys as an expression of type uuid[]."""
    return sql.SQL("{}::uuid[]").format(sql.Literal(_array(ids)))


def _array(ids: Iterable[UUID]) -> str:
    return f"{{{','.join([pk.hex for pk in ids])}}}"
