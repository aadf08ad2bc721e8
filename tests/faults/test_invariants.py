"""What is asked after each fault finds what it asks about."""

from __future__ import annotations

import pytest
from django.db import connection

from orders.models import AutoCloseRun
from tests.faults.backlog import make_backlog
from tests.faults.invariants import all_is_done, books_agree
from tests.orders.autoclose.sweeping import started, sweep

pytestmark = pytest.mark.django_db

SECOND_EVENT = """
    UPDATE orders_order SET event_seq = event_seq + 1, version = version + 1
    WHERE status = 'cancelled';
    INSERT INTO orders_orderevent (order_id, seq, type, occurred_at, actor_kind,
        actor_id, actor_label, run_id, request_id, origin, data, note, dedupe_key)
    SELECT id, event_seq, 'order.cancelled', now(), 'system',
        '', '', '', '', 'task', '{}', '', ''
    FROM orders_order WHERE status = 'cancelled'
"""
DAMAGE = {
    "closed twice": SECOND_EVENT,
    "changed without an event": "UPDATE orders_order SET event_seq = event_seq + 1",
    "of a version": "UPDATE orders_order SET version = version + 1",
    "SKUs whose": "UPDATE orders_stockitem SET reserved = reserved + 1",
    "closed with stock": """
        UPDATE orders_orderline SET qty_reserved = 1 FROM orders_order o
        WHERE o.id = order_id AND o.status = 'cancelled'
    """,
}


@pytest.mark.parametrize("found", DAMAGE)
def test_damaged_books_do_not_agree(found: str) -> None:
    make_backlog()
    sweep()
    assert all_is_done()

    with connection.cursor() as cursor:
        cursor.execute(DAMAGE[found])

    with pytest.raises(AssertionError, match=found):
        books_agree()


def test_what_is_due_or_under_way_is_not_done() -> None:
    make_backlog()
    assert books_agree()

    with pytest.raises(AssertionError, match="due, and not closed"):
        all_is_done()

    sweep()
    assert all_is_done()
    AutoCloseRun.objects.filter(pk=started().pk).update(state="running")
    with pytest.raises(AssertionError, match="sweeps that never ended"):
        all_is_done()
