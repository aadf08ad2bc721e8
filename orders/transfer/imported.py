"""An order as a file describes it: what was ordered, and what happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from orders.models import Order
from orders.services.drafting import ZERO, LineDraft, OrderDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLine(LineDraft):
    """One order line; ``line_number`` is the file's, ``position`` the order's."""

    line_number: int
    position: int
    qty_fulfilled: int = 0
    qty_returned: int = 0
    qty_cancelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedOrder(OrderDraft):
    """A draft with its later life. It begins on ``line_number`` of its file.

    Money comes as one sum of each kind, goods as one parcel out and one back; the
    instant of each is that of its last movement, None where nothing moved.
    """

    line_number: int
    lines: Sequence[ImportedLine] = ()
    status: str = Order.Status.OPEN
    cancel_reason: str = ""
    close_reason: str = ""
    created_at: datetime
    placed_at: datetime | None = None
    completed_at: datetime | None = None
    closed_at: datetime | None = None
    cancelled_at: datetime | None = None
    updated_at: datetime
    authorized_total: Decimal = ZERO
    authorized_at: datetime | None = None
    captured_total: Decimal = ZERO
    captured_at: datetime | None = None
    refunded_total: Decimal = ZERO
    refunded_at: datetime | None = None
    charged_back_total: Decimal = ZERO
    charged_back_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    returned_at: datetime | None = None
    hold_reason: str = ""
    hold_until: datetime | None = None
    attention: Sequence[str] = ()

    @property
    def grand_total(self) -> Decimal:
        """What the customer owes."""
        lines = sum((line.line_total for line in self.lines), ZERO)
        return lines - self.order_discount + self.order_tax + self.shipping_total
