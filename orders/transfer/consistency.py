"""What must agree within one order of our own format, checked before the database.

The rules are those of the order's own constraints, and of the services that keep
``completed_at``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orders.models import Order
from orders.services.drafting import totals_of
from orders.services.input import check_amount

from .cells import refusing
from .errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from .imported import ImportedOrder
    from .reading import Record

Status = Order.Status

CANCELLED = "the order is cancelled"
CLOSED = "the order is closed"


def check_lines(order: ImportedOrder, first: Record) -> None:
    """Refuse an order that says both that it has lines and that it has none."""
    if order.lines and not first["position"]:
        raise BadValue(
            "position", "", "is empty, and lines follow", "Remove this line of the file"
        )
    if order.placed_at and not order.lines:
        sentence = "belongs to an order without lines"
        remedy = "Add its lines, or leave this empty"
        raise BadValue("placed_at", first["placed_at"], sentence, remedy)


def check_money(order: ImportedOrder, first: Record, amounts: Iterable[str]) -> None:
    """Refuse amounts that the currency, the columns or each other do not allow."""
    for name in amounts:
        with refusing(name, first[name], "Round it to the currency's decimal places"):
            check_amount(name, getattr(order, name), order.currency)
    remedy = "Correct the amounts of the order and of its lines"
    with refusing("The order's total", None, remedy):
        totals_of(order)
    over_refunded = order.refunded_total > order.captured_total
    if over_refunded and Order.Attention.OVER_REFUNDED not in order.attention:
        raise BadValue(
            "refunded_total",
            first["refunded_total"],
            "is more than was captured",
            'Correct it, or add "over_refunded" to attention',
        )


def check_past(
    order: ImportedOrder, first: Record, columns: Iterable[str], latest: datetime
) -> None:
    """Refuse what has not happened yet."""
    for column in columns:
        instant: datetime | None = getattr(order, column)
        if instant and instant > latest:
            raise BadValue(column, first[column], "lies in the future", "Correct it")


def check_presence(order: ImportedOrder, first: Record) -> None:
    """Refuse values that are missing, and values that may not be there."""
    for column, is_due, reason in _presences(order):
        if is_due and not first[column]:
            raise BadValue(column, "", f"is empty, although {reason}", "Fill it in")
        if not is_due and first[column]:
            sentence = f"must be empty unless {reason}"
            raise BadValue(column, first[column], sentence, "Leave it empty")
    for column, needed in (
        ("delivered_at", "shipped_at"),
        ("hold_until", "hold_reason"),
    ):
        if first[column] and not first[needed]:
            sentence = f"must be empty without {needed}"
            raise BadValue(column, first[column], sentence, "Leave it empty")


def _presences(order: ImportedOrder) -> Iterator[tuple[str, bool, str]]:
    """Yield columns, whether they are to be filled in, and where they are."""
    is_cancelled = order.status == Status.CANCELLED
    is_closed = order.status == Status.CLOSED
    yield "external_reference", True, "it names the order"
    yield "cancel_reason", is_cancelled, CANCELLED
    yield "cancelled_at", is_cancelled, CANCELLED
    yield "close_reason", is_closed, CLOSED
    yield "closed_at", is_closed, CLOSED
    if not is_cancelled:
        yield "placed_at", order.status != Status.DRAFT, "the order is open or closed"
    yield "authorized_at", order.authorized_total > 0, "money is authorized"
    yield "captured_at", order.captured_total > 0, "money was captured"
    yield "refunded_at", order.refunded_total > 0, "money was refunded"
    yield "charged_back_at", order.charged_back_total > 0, "money was charged back"
    shipped = any(line.qty_fulfilled for line in order.lines)
    returned = any(line.qty_returned for line in order.lines)
    yield "shipped_at", shipped, "units were shipped"
    yield "returned_at", returned, "units came back"
    complete = "the order is placed, and all of it paid and shipped"
    yield "completed_at", _is_complete(order), complete


def _is_complete(order: ImportedOrder) -> bool:
    """Do in Python what ``completed_at`` of orders.services.totals does in SQL."""
    is_settled = order.captured_total - order.charged_back_total >= order.grand_total
    is_fulfilled = all(
        line.qty_fulfilled + line.qty_cancelled == line.quantity
        for line in order.lines
        if line.requires_shipping
    )
    return order.placed_at is not None and is_settled and is_fulfilled
