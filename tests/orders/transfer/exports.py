"""Exports, and what two databases with the same orders have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg import sql

from orders.models import (
    Actor,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderLine,
    Origin,
    Payment,
    StockItem,
)
from orders.services.timeline import table
from orders.transfer.exporting import Exported, Selection, export_orders
from orders.transfer.loading import Imported, Provenance, load_orders
from orders.transfer.orderdesk import COMPARED, read_orderdesk

TABLES: tuple[type[Model], ...] = (
    Order,
    OrderLine,
    Payment,
    Fulfillment,
    FulfillmentLine,
    OrderEvent,
    StockItem,
)
# What comes from the database, or is documented as not carried.
NOT_CARRIED = {
    "id",
    "number",
    "version",
    "event_seq",
}
LINE_NOT_CARRIED = {"id", "order_id", "qty_reserved"}


def export(path: Path, **selection: Any) -> Exported:
    """Write an export as the command does, without its progress."""
    with path.open("w", encoding="utf-8", newline="") as file:
        return export_orders(
            file,
            Selection(**selection),
            on_count=lambda _count: None,
            on_order=lambda: None,
        )


def load(path: Path) -> Imported:
    by = Actor.system(Origin.IMPORT)
    provenance = Provenance(file_name=path.name, by=by)
    return load_orders(read_orderdesk(path), provenance, COMPARED)


def empty_tables() -> None:
    """Take all orders away; the triggers let no row go by itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(table, TABLES)))
        )


def snapshot() -> list[dict[str, Any]]:
    """Return all that an export carries of each order, by channel and reference."""
    orders = Order.objects.prefetch_related("lines", "payments", "fulfillments")
    told = [_told(order) for order in orders.order_by("number")]
    return sorted(told, key=lambda one: (one["channel"], one["external_reference"]))


def _told(order: Order) -> dict[str, Any]:
    told = _columns(order, NOT_CARRIED)
    told["external_reference"] = order.external_reference or str(order)
    for name in ("billing_address", "shipping_address"):
        told[name] = {key: text for key, text in told[name].items() if text}
    lines = sorted(order.lines.all(), key=lambda line: line.position)
    return told | {
        "lines": [_columns(line, LINE_NOT_CARRIED) for line in lines],
        "paid": _paid(order),
        "sent": _sent(order),
    }


def _columns(row: Model, but: Iterable[str]) -> dict[str, Any]:
    names = {field.attname for field in row._meta.concrete_fields} - set(but)
    return {name: getattr(row, name) for name in names}


def _paid(order: Order) -> dict[str, Any]:
    """Return when money of each kind last moved, where some is left to tell of."""
    left = {
        "authorization": order.authorized_total,
        "capture": order.captured_total,
        "refund": order.refunded_total,
        "chargeback": order.charged_back_total,
    }
    last: dict[str, Any] = {}
    for payment in sorted(order.payments.all(), key=lambda one: one.occurred_at):
        kind = payment.kind.removesuffix("_reversed")
        if payment.status == "succeeded" and left.get(kind):
            last[kind] = payment.occurred_at
    return last


def _sent(order: Order) -> dict[str, Any]:
    parcels = list(order.fulfillments.all())
    sent = [one for one in parcels if one.status in ("shipped", "delivered")]
    is_delivered = all(one.status == "delivered" for one in sent)
    return {
        "shipped_at": _last(parcel.shipped_at for parcel in sent),
        "delivered_at": _last(one.delivered_at for one in sent if is_delivered),
        "returned_at": _last(parcel.received_at for parcel in parcels),
    }


def _last(instants: Iterable[datetime | None]) -> datetime | None:
    return max((instant for instant in instants if instant), default=None)
