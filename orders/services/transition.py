"""The one way in which orders change: lock, check and write, for a set of orders.

One order is a set of one. A refused order is reported with its reason, and does not
affect the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import (
    DataError,
    Error,
    IntegrityError,
    OperationalError,
    connection,
    transaction,
)

from orders.exceptions import (
    OrdersBusy,
    Refusal,
    RejectedByDatabase,
    UnknownOrder,
)
from orders.models import Order
from scheduling.clock import database_now

from .guards import Guard, GuardsAt, allowed_actions, refusal_code
from .keys import Among
from .timeline import NewEvent, write_orders

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import Q

TRIES = 3

Ids = list["UUID"]
Refusals = dict["UUID", Refusal]


class Problem(NamedTuple):
    """Why an order is refused. ``sentence`` follows "Order #1 "."""

    code: str
    sentence: str
    refusal: type[Refusal] = Refusal


Problems = dict["UUID", Problem]
#: Writes what a transition does to locked orders that passed its guards, and
#: returns those that it had to refuse after all (out of stock, for instance).
Write = Callable[[Ids, "datetime"], Problems]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a sweep found orders to be; it is checked again under the lock.

    ``provided`` is a condition on the order's own columns. A payment pending since
    before ``pending_since`` is no obstacle. ``data`` goes onto the events.
    """

    provided: Q
    pending_since: datetime
    data: Mapping[str, Any]


@dataclass
class Outcome:
    """What a service did to each of the orders it was given."""

    changed: Ids = field(default_factory=list)
    refused: Refusals = field(default_factory=dict)
    skipped: Ids = field(default_factory=list)

    @cached_property
    def orders(self) -> list[Order]:
        """The changed orders as they are now, read again once."""
        rows = Order.objects.in_bulk(self.changed)
        return [rows[pk] for pk in self.changed]

    def one(self) -> Order:
        """Return the only order of a set of one; raises its Refusal."""
        for refusal in self.refused.values():
            raise refusal
        (order,) = self.orders
        return order


def writing(event: NewEvent, assign: Mapping[str, object] | None = None) -> Write:
    """Return a Write that sets the same columns of every order of the set."""

    def write(ids: Ids, now: datetime) -> Problems:
        write_orders(ids, event, now=now, assign=assign)
        return {}

    return write


def ids_of(orders: Iterable[Order | UUID]) -> Ids:
    """Return the keys of orders, each once, in the caller's order."""
    keys = (order.pk if isinstance(order, Order) else order for order in orders)
    return list(dict.fromkeys(keys))


def change_orders(
    orders: Iterable[Order | UUID],
    *,
    guards: GuardsAt,
    write: Write,
    now: datetime | None = None,
    found: Finding | None = None,
) -> Outcome:
    """Lock a set of orders, refuse what the guards block, write the rest.

    The first statement locks in primary-key order with plain ``FOR UPDATE``
    (only that makes a payer's insert wait) and decides on columns of the locked
    rows. ``write`` then runs fresh statements. The number of statements does
    not depend on the size of the set; two more describe refusals, if any.

    With ``found``, an order that no longer meets the finding is refused as
    ``no_longer_due``, and one that another transaction has locked is returned in
    ``skipped`` instead of being waited for.

    Where the database refuses the set (SQLSTATE class 22 or 23), it is halved
    until the bad order is isolated. A deadlock, a serialization failure or a
    lock time-out repeats the set, three times in all, then raises OrdersBusy;
    inside a caller's transaction the first one is raised as it is.
    """
    ids = ids_of(orders)
    return repeat_when_busy(partial(_change, ids, guards, write, now, found))


def repeat_when_busy(change: Callable[[], Outcome]) -> Outcome:
    """Make a change; try three times in all if its rows are locked by others.

    Then raises OrdersBusy. Inside a caller's transaction the first conflict is
    raised as it is.
    """
    if connection.in_atomic_block:
        return change()
    for _ in range(TRIES):
        try:
            return change()
        except OperationalError as error:
            if not _is_passing(error):
                raise
    raise OrdersBusy("Other changes hold these orders; try again in a moment.")


def _change(
    ids: Ids,
    guards_at: GuardsAt,
    write: Write,
    now: datetime | None,
    found: Finding | None,
) -> Outcome:
    now = now or database_now()
    guards = guards_at(now)
    with transaction.atomic():
        codes = _lock(ids, guards, found)
        passed = [pk for pk in ids if codes.get(pk) == ""]
        problems = _blocked(codes, guards)
        # Others wait for what it locks last, so little may come between it and the
        # commit.
        problems |= _write_or_halve(passed, partial(write, now=now))  # type: ignore[call-arg]
        refused = describe(_in_order(problems, ids), now) if problems else {}
    missing = [pk for pk in ids if pk not in codes]
    if not found:
        refused |= {pk: _unknown(pk) for pk in missing}
    return Outcome(
        changed=[pk for pk in passed if pk not in refused],
        refused=refused,
        skipped=missing if found else [],
    )


def _in_order(problems: Problems, ids: Ids) -> Problems:
    return {pk: problems[pk] for pk in ids if pk in problems}


def _lock(ids: Ids, guards: Iterable[Guard], found: Finding | None) -> dict[UUID, str]:
    provided = found.provided if found else None
    return dict(
        Order.objects.filter(Among("pk", ids))
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=found is not None)
        .values_list("pk", refusal_code(guards, provided))
    )


def _write_or_halve(ids: Ids, write: Callable[[Ids], Problems]) -> Problems:
    if not ids:
        return {}
    try:
        with transaction.atomic():
            return write(ids)
    except (DataError, IntegrityError) as error:
        if len(ids) == 1:
            return {ids[0]: _rejected(error)}
    middle = len(ids) // 2
    return _write_or_halve(ids[:middle], write) | _write_or_halve(ids[middle:], write)


def _blocked(codes: Mapping[UUID, str], guards: Iterable[Guard]) -> Problems:
    sentences = {guard.code: guard.sentence for guard in guards}
    return {
        pk: Problem(code, sentences.get(code, "is no longer due"))
        for pk, code in codes.items()
        if code
    }


def describe(problems: Problems, now: datetime) -> Refusals:
    """Return the Refusal of each order, with the order's state. Two queries."""
    if not problems:
        return {}
    allowed = allowed_actions(problems, now=now)
    orders = Order.objects.only("number", "status").in_bulk(list(problems))
    return {
        pk: _refusal(problem, orders[pk], allowed[pk])
        for pk, problem in problems.items()
    }


def _refusal(problem: Problem, order: Order, allowed: list[str]) -> Refusal:
    remedy = ", ".join(allowed) or "nothing"
    return problem.refusal(
        problem.code,
        f"Order {order} {problem.sentence}."
        f" It is {order.status}; allowed now: {remedy}.",
        order_id=order.pk,
        status=order.status,
        allowed_actions=allowed,
    )


def _unknown(pk: UUID) -> UnknownOrder:
    return UnknownOrder("unknown", f"There is no order {pk}.", order_id=pk)


def _rejected(error: Error) -> Problem:
    cause = error.__cause__
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
    name = constraint or getattr(cause, "sqlstate", None) or "unnamed"
    return Problem(
        "database", f"was refused by the database: {name}", RejectedByDatabase
    )


def _is_passing(error: Error) -> bool:
    """Tell a conflict with other transactions from a fault of the database."""
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    return sqlstate.startswith("40") or sqlstate == "55P03"
