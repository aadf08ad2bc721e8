"""Reserve, release and take stock. Stock rows are locked in SKU order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import connection, transaction
from psycopg import sql

from orders.exceptions import InvalidInput
from orders.models import OrderLine, StockItem

from .input import check_text
from .keys import array
from .timeline import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

LARGEST_COUNT = 2**31 - 1


def lock_stock(skus: Iterable[str]) -> dict[str, StockItem]:
    """Lock the rows of these SKUs, in SKU order, and return them by SKU.

    Untracked SKUs are absent. Without the order, sweeps over overlapping SKUs
    deadlock.
    """
    rows = (
        StockItem.objects.filter(sku__in=set(skus))
        .order_by("sku")
        .select_for_update(of=("self",))
    )
    return {item.sku: item for item in rows}


def reserve(quantities: Mapping[int, int], by_sku: Mapping[str, int]) -> None:
    """Write reservations that were found to fit on locked stock rows.

    ``quantities`` are units by line id, ``by_sku`` the same units by SKU.
    """
    _add_to_lines(sql.SQL("qty_reserved = l.qty_reserved + v.n"), quantities)
    _run(
        "UPDATE {stock} AS s SET reserved = s.reserved + v.n"
        " FROM unnest({skus}::text[], {counts}::int[]) AS v (sku, n)"
        " WHERE s.sku = v.sku",
        skus=sql.Literal(list(by_sku)),
        counts=sql.Literal(list(by_sku.values())),
    )


def release_lines(order_ids: list[UUID]) -> dict[str, int]:
    """Clear all that locked orders have reserved; return the units by SKU.

    The caller still has to give them back. Two statements.
    """
    ids = array(order_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            _composed(
                "SELECT sku, sum(qty_reserved) FROM {lines}"
                " WHERE order_id = ANY({ids}) AND qty_reserved > 0 GROUP BY sku",
                ids=ids,
            )
        )
        quantities = dict(cursor.fetchall())
    _run(
        "UPDATE {lines} SET qty_reserved = 0"
        " WHERE order_id = ANY({ids}) AND qty_reserved > 0",
        ids=ids,
    )
    return quantities


def give_back(quantities: Mapping[str, int]) -> None:
    """Lower what stock rows hold reserved, by SKU. Two statements.

    Call it last in a change: orders of these SKUs wait from here until the commit.
    Deferred constraints are checked beforehand, not at the commit.
    """
    _run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    # Lock and change in one statement, so that no one waits for a round trip of ours.
    # The update uses the row version that was locked, not the one in its snapshot.
    _run(
        "WITH locked AS MATERIALIZED (SELECT s.id, v.n FROM {stock} AS s"
        " JOIN unnest({skus}::text[], {counts}::int[]) AS v (sku, n) USING (sku)"
        " ORDER BY sku FOR UPDATE OF s)"
        " UPDATE {stock} AS s SET reserved = s.reserved - locked.n"
        " FROM locked WHERE s.id = locked.id",
        skus=sql.Literal(list(quantities)),
        counts=sql.Literal(list(quantities.values())),
    )


def take(lines: Iterable[tuple[int, str, int, int]]) -> None:
    """Take shipped units out of locked stock rows.

    ``lines`` are (line id, SKU, units shipped, units of them that were reserved).
    """
    shipped: dict[int, int] = {}
    reserved: dict[int, int] = {}
    on_hand: defaultdict[str, int] = defaultdict(int)
    promised: defaultdict[str, int] = defaultdict(int)
    for line_id, sku, quantity, of_reserved in lines:
        shipped[line_id] = quantity
        reserved[line_id] = of_reserved
        on_hand[sku] += quantity
        promised[sku] += of_reserved
    # Reservations go first: fulfilled, cancelled and reserved units together
    # never exceed the quantity, not even between two statements.
    _add_to_lines(sql.SQL("qty_reserved = l.qty_reserved - v.n"), reserved)
    _add_to_lines(sql.SQL("qty_fulfilled = l.qty_fulfilled + v.n"), shipped)
    _run(
        "UPDATE {stock} AS s SET on_hand = s.on_hand - v.n,"
        " reserved = s.reserved - v.promised"
        " FROM unnest({skus}::text[], {counts}::int[], {promised}::int[])"
        " AS v (sku, n, promised) WHERE s.sku = v.sku",
        skus=sql.Literal(list(on_hand)),
        counts=sql.Literal(list(on_hand.values())),
        promised=sql.Literal([promised[sku] for sku in on_hand]),
    )


def adjust_stock(
    sku: str, *, on_hand: int, allow_backorder: bool | None = None
) -> StockItem:
    """Set what is on hand of a SKU; a SKU that was not tracked becomes so.

    What is reserved stays as it is. Raises InvalidInput for a SKU that
    no line could have, or a count outside 0..2,147,483,647.
    """
    check_text("sku", sku, longest=64, required=True)
    # A bool is an int in Python; it is no count.
    if type(on_hand) is not int or not 0 <= on_hand <= LARGEST_COUNT:
        raise InvalidInput(
            "on_hand", f"must be a whole number from 0 to {LARGEST_COUNT}"
        )
    changes: dict[str, object] = {"on_hand": on_hand}
    if allow_backorder is not None:
        changes["allow_backorder"] = allow_backorder
    with transaction.atomic():
        StockItem.objects.bulk_create([StockItem(sku=sku)], ignore_conflicts=True)
        StockItem.objects.filter(sku=sku).update(**changes)
        return StockItem.objects.get(sku=sku)


def _add_to_lines(assignment: sql.SQL, quantities: Mapping[int, int]) -> None:
    _run(
        "UPDATE {lines} AS l SET {assignment}"
        " FROM unnest({keys}::bigint[], {counts}::int[]) AS v (id, n)"
        " WHERE l.id = v.id",
        assignment=assignment,
        keys=sql.Literal(list(quantities)),
        counts=sql.Literal(list(quantities.values())),
    )


def _run(statement: str, **parts: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_composed(statement, **parts))


def _composed(statement: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(statement).format(
        stock=table(StockItem), lines=table(OrderLine), **parts
    )
