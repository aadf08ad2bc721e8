"""What holds of orders, events, stock and sweeps after any fault, asked in SQL."""

from __future__ import annotations

from django.db import connection

CLOSED_TWICE = """
    SELECT o.id FROM orders_order o
    LEFT JOIN orders_orderevent e
        ON e.order_id = o.id AND e.type IN ('order.cancelled', 'order.closed')
    GROUP BY o.id
    HAVING count(e.id) <> (CASE WHEN o.status IN ('cancelled', 'closed')
        THEN 1 ELSE 0 END)
"""
CHANGED_WITHOUT_ITS_EVENT = """
    SELECT o.id FROM orders_order o
    LEFT JOIN orders_orderevent e ON e.order_id = o.id
    GROUP BY o.id
    HAVING o.event_seq <> count(e.id) OR o.event_seq <> max(e.seq)
"""
# Of one change there may be two events; one transaction wrote both.
VERSION_OUT_OF_STEP = """
    SELECT o.id FROM orders_order o
    LEFT JOIN orders_orderevent e ON e.order_id = o.id
    GROUP BY o.id
    HAVING o.version <> count(DISTINCT e.xmin::text)
"""
RESERVED_WRONGLY = """
    SELECT s.sku FROM orders_stockitem s
    LEFT JOIN orders_orderline l ON l.sku = s.sku
    GROUP BY s.sku, s.reserved
    HAVING s.reserved <> coalesce(sum(l.qty_reserved), 0)
"""
RESERVED_BY_THE_CLOSED = """
    SELECT o.id FROM orders_order o
    JOIN orders_orderline l ON l.order_id = o.id
    WHERE o.status IN ('cancelled', 'closed') AND l.qty_reserved > 0
"""
NOT_ENDED = """
    SELECT id FROM orders_autocloserun WHERE state IN ('queued', 'running')
"""
# The one policy of each kind that decides on the orders which these tests make.
STILL_DUE = """
    SELECT o.id FROM orders_order o
    JOIN orders_closepolicy p ON
        p.kind = 'unpaid' AND o.status = 'open' AND o.captured_total = 0
            AND p.match_payment_mode = o.payment_mode
            AND o.payment_due_at + p.grace < now()
        OR p.kind = 'completed' AND o.status = 'open'
            AND o.completed_at + p.after < now()
        OR p.kind = 'draft' AND o.status = 'draft' AND o.updated_at + p.after < now()
"""
ALWAYS = {
    "closed twice, or without saying so": CLOSED_TWICE,
    "changed without an event, or the other way round": CHANGED_WITHOUT_ITS_EVENT,
    "of a version that counts other changes than its events": VERSION_OUT_OF_STEP,
    "SKUs whose reservations do not add up": RESERVED_WRONGLY,
    "closed with stock reserved": RESERVED_BY_THE_CLOSED,
}
AFTER_THE_NEXT_SWEEP = ALWAYS | {
    "sweeps that never ended": NOT_ENDED,
    "due, and not closed": STILL_DUE,
}


def books_agree() -> bool:
    """Hold each order, its events and the stock against one another; true or fail."""
    return _finds_nothing(ALWAYS)


def all_is_done() -> bool:
    """Return true where the books agree and the sweeps have left nothing to do."""
    return _finds_nothing(AFTER_THE_NEXT_SWEEP)


def _finds_nothing(questions: dict[str, str]) -> bool:
    found = {words: _rows(question) for words, question in questions.items()}
    wrong = {words: rows for words, rows in found.items() if rows}
    assert not wrong, str(wrong)
    return True


def _rows(question: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return [str(key) for (key, *_) in cursor.fetchall()]
