"""Two connections that bring orders of the same reference: each comes once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction

from orders.exceptions import OrdersBusy
from orders.models import Actor, Order, OrderEvent, Origin
from orders.transfer.errors import InvalidFile
from orders.transfer.loading import Imported, Provenance, load_orders
from orders.transfer.superstore import COMPARED, read_superstore
from tests.concurrency.connections import PATIENCE, at_once, colleague, deadlocks
from tests.factories import open_order
from tests.orders.transfer.rows import SUPERSTORE, row, write_csv
from tests.scheduling.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)


def load(path: Path) -> Imported:
    provenance = Provenance(file_name=path.name, by=Actor.system(Origin.IMPORT))
    return load_orders(read_superstore(path), provenance, COMPARED)


def test_two_imports_at_once_give_each_order_once() -> None:
    results = at_once(partial(load, SUPERSTORE), partial(load, SUPERSTORE))

    assert sorted((result.created, result.unchanged) for result in results) == [
        (0, 3_985),
        (3_985, 0),
    ]
    assert Order.objects.count() == 3_985
    assert OrderEvent.objects.filter(type="order.placed").count() == 3_985


def test_files_with_the_same_orders_in_another_order_do_not_deadlock(
    tmp_path: Path,
) -> None:
    rows = [row(number, Order_ID=f"A-{number}") for number in range(1, 2_001)]
    forward = write_csv(tmp_path / "forward.csv", rows)
    backward = write_csv(tmp_path / "backward.csv", reversed(rows))
    before = deadlocks()

    results = at_once(partial(load, forward), partial(load, backward))

    assert sum(result.created for result in results) == 2_000
    assert Order.objects.count() == 2_000
    assert deadlocks() == before


def test_an_order_that_another_connection_brings_meanwhile_is_compared(
    tmp_path: Path,
) -> None:
    path = write_csv(tmp_path / "orders.csv", [row(1), row(2, Order_ID="B-2")])

    with colleague() as start:
        with transaction.atomic():
            theirs = open_order(channel="superstore", external_reference="B-2")
            loading = start(load, path)
            until(somebody_waits_for_us)
        with pytest.raises(InvalidFile, match=f"differs from order {theirs}"):
            loading.result(PATIENCE)

    assert Order.objects.get() == theirs


def test_an_import_that_waited_for_one_that_failed_goes_on(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "orders.csv", [row(1), row(2, Order_ID="B-2")])

    with colleague() as start:
        with transaction.atomic():
            open_order(channel="superstore", external_reference="B-2")
            loading = start(load, path)
            until(somebody_waits_for_us)
            transaction.set_rollback(True)
        result: Imported = loading.result(PATIENCE)

    assert (result.created, result.unchanged) == (2, 0)
    assert Order.objects.count() == 2


def test_an_import_that_waits_too_long_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "orders.csv", [row(1)])

    def load_impatiently() -> Imported:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        return load(path)

    with colleague() as start, transaction.atomic():
        theirs = open_order(channel="superstore", external_reference="A-1")
        with pytest.raises(OrdersBusy, match="try again"):
            start(load_impatiently).result(PATIENCE)

    assert Order.objects.get() == theirs
