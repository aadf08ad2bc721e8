"""Write locked orders and their events in one statement.

The statement reads and writes the locked rows of one table, so what it sees is
what the lock protects; the events take their seq from the row they describe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from psycopg import sql
from psycopg.types.json import Jsonb

from orders.models import Order, OrderEvent

from .keys import array

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from orders.models import Actor

PERSONAL_FIELDS = frozenset(
    {
        "customer_email",
        "customer_name",
        "customer_reference",
        "billing_address",
        "shipping_address",
    }
)
ALWAYS_TRACKED = ("status", "payment_status", "fulfillment_status")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One kind of event, for each order of a set.

    ``data`` is common to all; ``details`` adds to one order's.
    """

    type: OrderEvent.Type
    by: Actor
    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[UUID, Mapping[str, Any]] = field(default_factory=dict)


def write_orders(
    ids: list[UUID],
    event: NewEvent,
    *,
    now: datetime,
    assign: Mapping[str, object] | None = None,
    source: sql.Composable | None = None,
) -> None:
    """Set columns of locked orders, raise their version, and record the event.

    ``assign`` maps columns to values, or to ``sql.Composable`` expressions over
    ``o`` (the row before) and ``s`` (``source``, a query with an ``order_id``
    column; an order that it leaves out is not written). What changed is recorded
    as ``data.changes``, generated columns included.
    """
    _write(ids, event, now, dict(assign or {}), source, version_step=1)


def add_event(ids: list[UUID], event: NewEvent, *, now: datetime) -> None:
    """Record a second event of a change whose version is raised already."""
    _write(ids, event, now, {}, None, version_step=0)


def _write(
    ids: list[UUID],
    event: NewEvent,
    now: datetime,
    assign: dict[str, object],
    source: sql.Composable | None,
    version_step: int,
) -> None:
    tracked = dict.fromkeys((*ALWAYS_TRACKED, *assign))
    statement = sql.SQL(
        """
        WITH old AS (SELECT id, {tracked} FROM {orders} WHERE id = ANY({ids})),
        new AS (
            UPDATE {orders} AS o SET {assignments},
                updated_at = {now}, version = o.version + {version_step},
                event_seq = o.event_seq + 1
            {source} o.id = ANY({ids}) RETURNING o.id, o.event_seq, {written}
        )
        INSERT INTO {events} (order_id, seq, type, occurred_at, actor_kind, actor_id,
            actor_label, run_id, request_id, origin, note, dedupe_key, data)
        SELECT new.id, new.event_seq, {values}, {data}
        FROM new JOIN old USING (id) {details}
        """
    ).format(
        tracked=sql.SQL(", ").join(map(sql.Identifier, tracked)),
        orders=table(Order),
        events=table(OrderEvent),
        written=sql.SQL(", ").join(sql.Identifier("o", name) for name in tracked),
        ids=array(ids),
        now=sql.Literal(now),
        version_step=sql.Literal(version_step),
        assignments=_assignments(assign),
        source=_source(source),
        values=_values(event, now),
        data=_data(event, tracked),
        details=_details(event),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows_of(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]
) -> sql.Composable:
    """Return rows held in memory as a query. ``columns`` maps names to SQL types."""
    arrays = [
        sql.SQL(f"{{}}::{sql_type}[]").format(sql.Literal([row[name] for row in rows]))
        for name, sql_type in columns.items()
    ]
    return sql.SQL("SELECT * FROM unnest({}) AS given ({})").format(
        sql.SQL(", ").join(arrays),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )


def table(model: type[models.Model]) -> sql.Identifier:
    return sql.Identifier(model._meta.db_table)  # noqa: SLF001 - Django's public API


def _assignments(assign: Mapping[str, object]) -> sql.Composable:
    # An UPDATE that sets no input of a generated column has PostgreSQL prepare
    # their expressions anew for each row: twice the time, and 9 KB a row.
    columns = {"qty_cancelled": sql.SQL("o.qty_cancelled"), **assign}
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column), _expression(column, value))
        for column, value in columns.items()
    )


def _expression(column: str, value: object) -> sql.Composable:
    if isinstance(value, sql.Composable):
        return value
    if isinstance(_field(column), models.JSONField):
        return sql.Literal(Jsonb(value))
    return sql.Literal(value)


def _source(source: sql.Composable | None) -> sql.Composable:
    if source is None:
        return sql.SQL("WHERE")
    return sql.SQL("FROM ({}) AS s WHERE s.order_id = o.id AND").format(source)


def _values(event: NewEvent, now: datetime) -> sql.Composable:
    by = event.by
    return sql.SQL(", ").join(
        sql.Literal(value)
        for value in (
            str(event.type),
            now,
            str(by.kind),
            by.id,
            by.label,
            by.run_id,
            by.request_id,
            str(by.origin),
            event.note,
            "",
        )
    )


def _data(event: NewEvent, tracked: Iterable[str]) -> sql.Composable:
    common = sql.Literal(Jsonb(dict(event.data)))
    parts: list[sql.Composable] = [common, _changes(tracked)]
    if event.details:
        parts.append(
            sql.SQL("COALESCE(detail.data, {})").format(sql.Literal(Jsonb({})))
        )
    return sql.SQL(" || ").join(parts)


def _details(event: NewEvent) -> sql.Composable:
    if not event.details:
        return sql.SQL("")
    return sql.SQL(
        "LEFT JOIN unnest({ids}, {data}::jsonb[]) AS detail (id, data) USING (id)"
    ).format(
        ids=sql.Literal(list(event.details)),
        data=sql.Literal([Jsonb(dict(data)) for data in event.details.values()]),
    )


def _changes(tracked: Iterable[str]) -> sql.Composable:
    """Return ``{"changes": {field: [old, new]}}`` of the fields that differ."""
    personal = [column for column in tracked if column in PERSONAL_FIELDS]
    others = [column for column in tracked if column not in PERSONAL_FIELDS]
    changes = sql.SQL("JSON_OBJECT({} ABSENT ON NULL RETURNING jsonb)").format(
        sql.SQL(", ").join(map(_change, others))
    )
    return sql.SQL("jsonb_build_object('changes', {})").format(
        sql.SQL(" || ").join([changes, *map(_personal_change, personal)])
    )


def _change(column: str) -> sql.Composable:
    # Money goes out as a decimal string; JSON numbers become floats at the reader.
    cast = "::text" if isinstance(_field(column), models.DecimalField) else ""
    return sql.SQL(
        "{name}: CASE WHEN old.{column} IS DISTINCT FROM new.{column}"
        f" THEN jsonb_build_array(old.{{column}}{cast}, new.{{column}}{cast}) END"
    ).format(name=sql.Literal(column), column=sql.Identifier(column))


def _personal_change(column: str) -> sql.Composable:
    return sql.SQL(
        "CASE WHEN old.{column} IS DISTINCT FROM new.{column}"
        " THEN jsonb_build_object({name}, NULL) ELSE '{{}}'::jsonb END"
    ).format(name=sql.Literal(column), column=sql.Identifier(column))


def _field(column: str) -> models.Field[Any, Any]:
    field_ = Order._meta.get_field(column)  # noqa: SLF001 - Django's public API
    assert isinstance(field_, models.Field)  # noqa: S101 - columns are fields
    return field_
