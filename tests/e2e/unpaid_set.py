"""Run in the project's shell: a file's orders as if placed today, half of them unpaid.

Of each four orders in a row two are paid, one is overdue, one is due tomorrow.
"""

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from orders.models import StockItem
from orders.services.drafting import LineDraft, OrderDraft, create_orders
from orders.services.payments import record_payment
from orders.services.placement import place_orders
from orders.transfer.imported import ImportedOrder
from orders.transfer.superstore import read_superstore
from scheduling.clock import database_now

DAY = timedelta(days=1)


def draft_of(imported: ImportedOrder, index: int) -> OrderDraft:
    """Return the order once more, under a channel of its own."""
    due_in = -DAY if index % 4 == 1 else DAY
    return OrderDraft(
        currency="USD",
        channel="unpaid set",
        external_reference=imported.external_reference,
        customer_name=imported.customer_name,
        payment_due_at=now + due_in,
        lines=[
            LineDraft(
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount_total=line.discount_total,
            )
            for line in imported.lines
        ],
    )


now = database_now()
file_orders = list(read_superstore(Path(sys.stdin.readline().strip())))
drafts = [draft_of(imported, index) for index, imported in enumerate(file_orders)]
wanted = Counter[str]()
for draft in drafts:
    for line in draft.lines:
        wanted[line.sku] += line.quantity
StockItem.objects.bulk_create(
    StockItem(sku=sku, on_hand=count) for sku, count in wanted.items()
)
placed = place_orders(create_orders(drafts)).orders
for order in placed[::2]:
    if order.grand_total:
        record_payment(order, kind="capture", amount=order.grand_total)
