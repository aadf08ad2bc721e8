"""What passes is tried again; what does not pass is told."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from orders.exceptions import OrdersBusy, RejectedByDatabase
from orders.models import Order, OrderEvent, StockItem
from orders.services.cancellation import cancel_orders
from tests.concurrency.connections import PATIENCE, colleague
from tests.factories import ids, line, open_order, open_orders, stock, types_of
from tests.scheduling.waiting import somebody_waits_for_us, until

STAFF = Order.CancelReason.STAFF


@pytest.fixture
def impatient(transactional_db: None) -> Iterator[None]:  # noqa: ARG001 - its connection
    """Let this connection wait for a lock only shortly."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    yield
    connection.close()


def hold(order: Order, taken: Event, let_go: Event) -> None:
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order.pk)
        taken.set()
        assert let_go.wait(PATIENCE)


def locking_statements(queries: CaptureQueriesContext) -> int:
    return sum("FOR UPDATE" in query["sql"] for query in queries.captured_queries)


@pytest.mark.usefixtures("impatient")
def test_orders_held_for_longer_than_three_tries_are_busy() -> None:
    free, held = open_orders(2)
    taken, let_go = Event(), Event()

    with colleague() as start:
        holding = start(hold, held, taken, let_go)
        assert taken.wait(PATIENCE)
        with CaptureQueriesContext(connection) as queries, pytest.raises(OrdersBusy):
            cancel_orders([free, held], reason=STAFF)
        let_go.set()
        holding.result(PATIENCE)

    assert locking_statements(queries) == 3
    assert set(Order.objects.values_list("status", flat=True)) == {"open"}
    assert types_of(free) == ["order.created", "order.placed"]


@pytest.mark.usefixtures("impatient")
def test_caller_with_a_transaction_of_its_own_repeats_by_itself() -> None:
    held = open_order()
    taken, let_go = Event(), Event()

    with colleague() as start:
        holding = start(hold, held, taken, let_go)
        assert taken.wait(PATIENCE)
        with (
            CaptureQueriesContext(connection) as queries,
            pytest.raises(OperationalError, match="lock timeout"),
            transaction.atomic(),
        ):
            cancel_orders([held], reason=STAFF)
        let_go.set()
        holding.result(PATIENCE)

    assert locking_statements(queries) == 1


@pytest.mark.django_db(transaction=True)
def test_set_that_a_deadlock_ended_is_repeated() -> None:
    stock("MUG", on_hand=5)
    orders = open_orders(2, lines=[line(sku="MUG")])
    first, second = sorted(orders, key=lambda order: order.pk)

    def cancel() -> list[object]:
        with CaptureQueriesContext(connection) as queries:
            outcome = cancel_orders([first, second], reason=STAFF)
        return [outcome.changed, locking_statements(queries)]

    with colleague() as start:
        with transaction.atomic(), connection.cursor() as cursor:
            # The other looks for a deadlock after a second, and is its victim.
            cursor.execute("SET LOCAL deadlock_timeout = '60s'")
            Order.objects.select_for_update().get(pk=second.pk)
            cancelling = start(cancel)
            until(somebody_waits_for_us)
            # The other holds the first order and waits for the second: a deadlock.
            Order.objects.select_for_update().get(pk=first.pk)
        changed, locks = cancelling.result(PATIENCE)

    assert changed == [first.pk, second.pk]
    # One lock in the try that failed; orders and stock in the one that did not. The
    # second try may be as quick as to meet the same deadlock again, once.
    assert locks in {3, 4}
    assert StockItem.objects.get(sku="MUG").reserved == 0
    assert types_of(first).count("order.cancelled") == 1


@pytest.mark.django_db
def test_order_that_the_database_refuses_leaves_999_to_be_cancelled() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE orders_order ADD CONSTRAINT poisoned CHECK"
            " (status <> 'cancelled' OR customer_reference <> 'poison')"
        )
    stock("MUG", on_hand=2000)
    healthy = open_orders(999, lines=[line(sku="MUG")])
    poisoned = open_order(lines=[line(sku="MUG")], customer_reference="poison")
    everyone = [*healthy[:613], poisoned, *healthy[613:]]

    outcome = cancel_orders(everyone, reason=STAFF)

    refusal = outcome.refused.pop(poisoned.pk)
    events = OrderEvent.objects.filter(type=OrderEvent.Type.CANCELLED)
    assert outcome.changed == ids(healthy)
    assert not outcome.refused
    assert isinstance(refusal, RejectedByDatabase)
    assert str(refusal) == (
        f"Order {poisoned} was refused by the database: poisoned."
        " It is open; allowed now: cancel, hold, extend, update, fulfill."
    )
    assert events.count() == 999
    assert types_of(poisoned) == ["order.created", "order.placed"]
    assert StockItem.objects.get(sku="MUG").reserved == 1
    assert not Order.objects.exclude(pk=poisoned.pk).exclude(version=3).exists()
