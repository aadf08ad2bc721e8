"""Other ways to cancel the orders that are overdue, all doing the same work.

Each takes the earliest ``limit`` candidates, checks them again under their lock,
gives their stock back, cancels parcels that were packed, writes the same columns and
one event with the same content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Sum
from psycopg.types.json import Jsonb

from orders import autoclose
from orders.autoclose.due import Rule, load_rules
from orders.models import (
    Actor,
    AutoCloseRun,
    Fulfillment,
    Order,
    OrderEvent,
    OrderLine,
    Origin,
    StockItem,
)
from scheduling.clock import database_now

SYSTEM = Actor.system(Origin.COMMAND)
REASON = Order.CancelReason.PAYMENT_OVERDUE


@dataclass(frozen=True)
class Job:
    """What an arm is asked for; the run names the cut-off and who did it."""

    run: AutoCloseRun
    limit: int

    @property
    def rule(self) -> Rule:
        """The policy of online orders; the data has no others."""
        return next(
            rule
            for rule in load_rules(["unpaid"])
            if rule.policy.match_payment_mode == "online"
        )

    @property
    def candidates(self) -> Q:
        return self.rule.candidates(self.run.cutoff)

    @property
    def data(self) -> dict[str, str]:
        return {
            "reason": REASON.value,
            "policy": str(self.rule.policy),
            "cutoff": self.run.cutoff.isoformat(),
        }


def asked_for(limit: int) -> Job:
    """Write down a run for an arm, whether or not it takes it."""
    trigger = AutoCloseRun.Trigger.MANUAL
    run = autoclose.start_run(by=SYSTEM, trigger=trigger, limit=limit, approve=True)
    return Job(run, limit)


def sweep(job: Job) -> None:
    """Sweep as the order desk does."""
    autoclose.execute(job.run, time_budget=None)


GIANT = """
WITH due AS MATERIALIZED (
    SELECT id FROM orders_order
    WHERE status = 'open' AND grand_total > 0 AND qty_fulfilled = 0
        AND authorized_total = 0 AND captured_total = 0 AND refunded_total = 0
        AND payment_mode = 'online' AND payment_due_at <= %(cutoff)s - %(grace)s
        AND (hold_reason = '' OR hold_until <= %(cutoff)s)
        AND NOT automation_exempt AND returns_open = 0
        AND (payments_pending = 0 OR payments_pending_since <= %(pending_since)s)
    ORDER BY payment_due_at, id LIMIT %(limit)s FOR UPDATE
), given_back AS (
    SELECT sku, sum(qty_reserved) AS n
    FROM orders_orderline JOIN due ON order_id = due.id
    WHERE qty_reserved > 0 GROUP BY sku
), stock AS (
    UPDATE orders_stockitem AS s SET reserved = s.reserved - g.n FROM given_back AS g
    WHERE s.sku = g.sku
), lines AS (
    UPDATE orders_orderline AS l SET qty_reserved = 0 FROM due
    WHERE l.order_id = due.id AND l.qty_reserved > 0
), parcels AS (
    UPDATE orders_fulfillment AS f SET status = 'cancelled', cancelled_at = %(now)s
    FROM due WHERE f.order_id = due.id AND f.status = 'pending'
), cancelled AS (
    UPDATE orders_order AS o SET status = 'cancelled', cancel_reason = %(reason)s,
        cancelled_at = %(now)s, updated_at = %(now)s, version = version + 1,
        event_seq = event_seq + 1,
        -- See orders/services/timeline.py: without it, twice the time.
        qty_cancelled = qty_cancelled
    FROM due WHERE o.id = due.id RETURNING o.id, o.event_seq
)
INSERT INTO orders_orderevent (order_id, seq, type, occurred_at, actor_kind, actor_id,
    actor_label, run_id, request_id, origin, note, dedupe_key, data)
SELECT id, event_seq, 'order.cancelled', %(now)s, 'system', '', 'system', %(run)s, '',
    'command', '', '', %(data)s
FROM cancelled
"""


def giant_statement(job: Job) -> None:
    """Do all of it in one statement: the least that PostgreSQL can be asked.

    It locks every order and every shelf until all are done, and what a colleague
    changed while it waited for a lock it does not see.
    """
    now, rule, cutoff = database_now(), job.rule, job.run.cutoff
    given: dict[str, Any] = {
        "cutoff": cutoff,
        "grace": rule.policy.grace,
        "pending_since": rule.pending_since(cutoff),
        "limit": job.limit,
        "now": now,
        "reason": REASON.value,
        "run": str(job.run.pk),
        "data": Jsonb(_data(job, now)),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(GIANT, given)


def objects_by_hundreds(job: Job) -> None:
    """Load a hundred orders and their lines, reckon in Python (Saleor's strategy)."""
    for ids in _windows(job, 100):
        with transaction.atomic():
            orders = list(_locked(job, ids))
            lines = list(
                OrderLine.objects.filter(
                    order__in=orders, qty_reserved__gt=0
                ).select_for_update(of=("self",))
            )
            _give_back(Counter[str](), lines)
            OrderLine.objects.filter(pk__in=[line.pk for line in lines]).update(
                qty_reserved=0
            )
            _cancel(job, orders)


def bulk_create_by_thousands(job: Job) -> None:
    """Change sets with the ORM's update(); events are objects for bulk_create()."""
    for ids in _windows(job, 1000):
        with transaction.atomic():
            orders = list(
                _locked(job, ids).only("status", "cancel_reason", "event_seq")
            )
            lines = OrderLine.objects.filter(order__in=orders, qty_reserved__gt=0)
            sums = lines.order_by().values_list("sku").annotate(Sum("qty_reserved"))
            _give_back(Counter(dict(sums)), ())
            lines.update(qty_reserved=0)
            _cancel(job, orders)


def loop_with_save(job: Job) -> None:
    """Take one order after the other, each in its transaction, with save()."""
    for ids in _windows(job, 1000):
        for pk in ids:
            with transaction.atomic():
                for order in _locked(job, [pk]):
                    _cancel_one(job, order)


def _windows(job: Job, size: int) -> Iterator[list[UUID]]:
    """Yield candidates in deadline order; what was taken is no candidate any more."""
    due = Order.objects.filter(job.candidates).order_by("payment_due_at", "pk")
    for start in range(0, job.limit, size):
        yield list(due.values_list("pk", flat=True)[: min(size, job.limit - start)])


def _locked(job: Job, ids: Sequence[UUID]) -> QuerySet[Order]:
    return (
        Order.objects.filter(job.candidates, pk__in=ids)
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )


def _give_back(sums: Counter[str], lines: Sequence[OrderLine]) -> None:
    for line in lines:
        sums[line.sku] += line.qty_reserved
    shelves = StockItem.objects.filter(sku__in=sums).order_by("sku")
    items = list(shelves.select_for_update(of=("self",)))
    for item in items:
        item.reserved -= sums[item.sku]
    StockItem.objects.bulk_update(items, ["reserved"])


def _cancel(job: Job, orders: Sequence[Order]) -> None:
    now = database_now()
    Fulfillment.objects.filter(order__in=orders, status="pending").update(
        status="cancelled", cancelled_at=now
    )
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(
        status=Order.Status.CANCELLED,
        cancel_reason=REASON,
        cancelled_at=now,
        updated_at=now,
        version=F("version") + 1,
        event_seq=F("event_seq") + 1,
    )
    OrderEvent.objects.bulk_create(
        [_event(job, order, order.event_seq + 1, now) for order in orders]
    )


def _cancel_one(job: Job, order: Order) -> None:
    now = database_now()
    for line in order.lines.filter(qty_reserved__gt=0).order_by("sku"):
        item = StockItem.objects.select_for_update(of=("self",)).get(sku=line.sku)
        item.reserved -= line.qty_reserved
        item.save(update_fields=["reserved"])
        line.qty_reserved = 0
        line.save(update_fields=["qty_reserved"])
    for parcel in order.fulfillments.filter(status="pending"):
        parcel.status, parcel.cancelled_at = Fulfillment.Status.CANCELLED, now
        parcel.save(update_fields=["status", "cancelled_at"])
    event = _event(job, order, order.event_seq + 1, now)
    order.status, order.cancel_reason = Order.Status.CANCELLED, REASON
    order.cancelled_at = order.updated_at = now
    order.version += 1
    order.event_seq += 1
    order.save(
        update_fields=[
            "status",
            "cancel_reason",
            "cancelled_at",
            "updated_at",
            "version",
            "event_seq",
        ]
    )
    event.save()


def _event(job: Job, order: Order, seq: int, now: datetime) -> OrderEvent:
    return OrderEvent(
        order_id=order.pk,
        seq=seq,
        type=OrderEvent.Type.CANCELLED,
        occurred_at=now,
        actor_kind=SYSTEM.kind,
        actor_label=SYSTEM.label,
        run_id=str(job.run.pk),
        origin=SYSTEM.origin,
        data=_data(job, now),
    )


def _data(job: Job, now: datetime) -> dict[str, Any]:
    changes = {
        "status": ["open", "cancelled"],
        "cancel_reason": ["", REASON.value],
        "cancelled_at": [None, now.isoformat()],
    }
    return job.data | {"changes": changes}


Arm = Callable[[Job], None]
