"""Check what an arm left behind: the same rows, whoever wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from .peers import Job

#: Each is a question whose answer must be 0.
ALWAYS = {
    "orders cancelled that are not overdue": """
        SELECT count(*) FROM orders_order
        WHERE customer_reference <> 'overdue' AND status <> 'open'""",
    "cancelled orders that reserve stock": """
        SELECT count(*) FROM orders_orderline AS l JOIN orders_order AS o
        ON o.id = l.order_id WHERE o.status = 'cancelled' AND l.qty_reserved <> 0""",
    "open orders that lost their stock": """
        SELECT count(*) FROM orders_orderline AS l JOIN orders_order AS o
        ON o.id = l.order_id WHERE o.status = 'open' AND l.qty_reserved <> 1""",
    "shelves whose sum is wrong": """
        SELECT count(*) FROM orders_stockitem AS s LEFT JOIN (
            SELECT sku, sum(qty_reserved) AS n FROM orders_orderline GROUP BY sku
        ) AS v USING (sku)
        WHERE s.reserved <> coalesce(v.n, 0)
            + coalesce((%(ordered)s::jsonb ->> s.sku)::int, 0)""",
    "orders with more than one cancellation": """
        SELECT count(*) FROM (SELECT FROM orders_orderevent
        WHERE type = 'order.cancelled' GROUP BY order_id HAVING count(*) > 1) AS o""",
    "orders whose events have a gap": """
        SELECT count(*) FROM orders_order AS o JOIN (
            SELECT order_id, count(*) AS n, max(seq) AS last FROM orders_orderevent
            GROUP BY order_id) AS e ON e.order_id = o.id
        WHERE (e.n, e.last) <> (o.event_seq, o.event_seq)""",
}
AFTER_ONE_ARM = {
    "orders cancelled too many or too few": """
        SELECT abs(count(*) - %(limit)s) FROM orders_order WHERE status = 'cancelled'
            AND cancel_reason = 'payment_overdue' AND cancelled_at = updated_at
            AND version = 2 AND event_seq = 3""",
    "orders passed over for a later one": """
        SELECT count(*) FROM orders_order
        WHERE status = 'open' AND customer_reference = 'overdue' AND payment_due_at < (
            SELECT max(payment_due_at) FROM orders_order WHERE status = 'cancelled')""",
    "orders touched without being cancelled": """
        SELECT count(*) FROM orders_order
        WHERE status = 'open' AND (version, event_seq) <> (1, 2)""",
    "events too many or too few": """
        SELECT abs(count(*) - %(limit)s) FROM orders_orderevent WHERE seq > 2""",
    "cancelled orders without the event that is due": """
        SELECT count(*) FROM orders_order AS o LEFT JOIN orders_orderevent AS e
            ON (e.order_id, e.seq, e.type, e.occurred_at, e.run_id)
                = (o.id, 3, 'order.cancelled', o.cancelled_at, %(run)s)
            AND (e.actor_kind, e.actor_id, e.actor_label, e.request_id, e.origin,
                e.note, e.dedupe_key) = ('system', '', 'system', '', 'command', '', '')
            AND e.data #- '{changes,cancelled_at}' = %(data)s::jsonb
            AND e.data #> '{changes,cancelled_at,0}' = 'null'
            AND (e.data #>> '{changes,cancelled_at,1}')::timestamptz = o.cancelled_at
        WHERE o.status = 'cancelled' AND e.id IS NULL""",
}


class WrongResultError(Exception):
    """An arm did not do the work that it was measured at."""


def check_books() -> None:
    """Check what holds whatever was done at once."""
    _check(ALWAYS, {}, {})


def check_cancelled(job: Job, ordered: Mapping[str, int] | None = None) -> None:
    """Check that just the earliest candidates are cancelled, with all that belongs.

    ``ordered`` are the units, by SKU, that somebody reserved meanwhile.
    """
    changes = {
        "status": ["open", "cancelled"],
        "cancel_reason": ["", "payment_overdue"],
    }
    given = {
        "limit": job.limit,
        "run": str(job.run.pk),
        "data": Jsonb(job.data | {"changes": changes}),
    }
    _check(ALWAYS | AFTER_ONE_ARM, given, ordered or {})


def _check(
    questions: Mapping[str, str],
    given: dict[str, Any],
    ordered: Mapping[str, int],
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for name, question in questions.items():
            cursor.execute(question, given | {"ordered": Jsonb(ordered)})
            (count,) = cursor.fetchone()
            if count:
                raise WrongResultError(f"{name}: {count}")
