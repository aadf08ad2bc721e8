"""What happens to the demo orders: a table with one row for each scenario.

The ages of a scenario are chosen so that all of it has happened by now, and that
nothing falls on today except what happens within an hour of its start. What policies do
in it follows the policies of a new installation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from functools import partial

from orders.models import Order, Payment
from orders.services.drafting import SYSTEM

from . import actions as do
from .actions import Action
from .catalogue import Basket, gift_card, sample, several, with_backorder
from .channels import (
    CHECKOUTS,
    EVERYWHERE,
    GRATIS,
    INVOICES,
    MARKETPLACE,
    OFFICE,
    POS,
    TELEPHONE,
    WEB,
    WEB_ON_DELIVERY,
    WEB_TRANSFER,
    WHOLESALE,
    Channel,
)

MIDNIGHT, MORNING, NOON, AFTERNOON = time(0), time(10, 30), time(13), time(16)
Reason = Order.CancelReason
Kind = Payment.Kind
Money = Payment.Status


@dataclass(frozen=True, slots=True)
class Step:
    """An action, so many minutes after the step before or days after the start.

    Both are a minimum and a maximum; ``at`` is the time of that day, in UTC.
    """

    action: Action
    minutes: tuple[int, int] = (1, 9)
    days: tuple[int, int] | None = None
    at: time = NOON


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to some of the orders.

    ``weight`` is its relative frequency, ``ages`` are the minimum and maximum days
    since its start. Without a basket, orders contain what their channel sells.
    """

    weight: int
    ages: tuple[int, int]
    channels: Sequence[Channel]
    steps: tuple[Step, ...] = ()
    basket: Basket | None = None


def _soon(action: Action) -> Step:
    return Step(action)


def _on(first: int, last: int, action: Action, at: time = NOON) -> Step:
    return Step(action, days=(first, last), at=at)


_pending = partial(do.report, status=Money.PENDING)
_failed = partial(do.report, status=Money.FAILED)
_authorized = partial(do.report, kind=Kind.AUTHORIZATION)
_deposit = partial(do.report, percent=40)

PLACED = (_soon(do.place),)
PAID = (*PLACED, _soon(do.report))
#: Two hours after it was packed, with the carrier's round.
_COLLECTED = Step(do.send, minutes=(120, 120))
SENT = (*PAID, _on(1, 2, do.pack), _COLLECTED)
ARRIVED = (*SENT, _on(3, 6, do.arrive, MORNING))
INVOICE_PAID = (*PLACED, _on(4, 6, do.report, MORNING))
INVOICE_ARRIVED = (
    *PLACED,
    _on(1, 2, do.pack),
    _COLLECTED,
    _on(3, 6, do.arrive, MORNING),
    _on(8, 13, do.report, MORNING),
)
COUNTER = (*PLACED, Step(do.report, minutes=(1, 1)), Step(do.hand_over, minutes=(1, 1)))


def _cancelled(
    reason: Order.CancelReason, *, text: str = "", by_policy: bool = False
) -> Action:
    by = SYSTEM if by_policy else OFFICE
    return partial(do.cancel, reason=reason, note=text, by=by)


# The first come even into a handful of orders.
SCENARIOS = (
    Scenario(12, (0, 21), (TELEPHONE, WHOLESALE)),  # a draft
    Scenario(10, (0, 2), CHECKOUTS, PLACED),  # unpaid, not due yet
    Scenario(14, (0, 1), CHECKOUTS, PAID),  # to be packed
    Scenario(12, (3, 5), CHECKOUTS, SENT),  # on its way
    Scenario(30, (7, 29), CHECKOUTS, ARRIVED),  # there
    Scenario(9, (4, 8), CHECKOUTS, PLACED),  # the sweep will cancel it
    Scenario(14, (34, 44), CHECKOUTS, ARRIVED),  # the sweep will close it
    Scenario(6, (32, 44), (TELEPHONE, WHOLESALE)),  # the sweep will drop this draft
    Scenario(  # closed by a sweep
        30,
        (35, 60),
        CHECKOUTS,
        (*ARRIVED, _on(34, 34, do.close_by_policy, MIDNIGHT)),
    ),
    Scenario(  # cancelled by a sweep
        12,
        (5, 60),
        CHECKOUTS,
        (
            *PLACED,
            _on(4, 4, _cancelled(Reason.PAYMENT_OVERDUE, by_policy=True), MIDNIGHT),
        ),
    ),
    Scenario(30, (0, 60), (POS,), (*COUNTER, _soon(do.close))),
    Scenario(  # closed by hand
        10,
        (16, 60),
        (WHOLESALE, TELEPHONE),
        (*INVOICE_ARRIVED, _on(14, 15, do.close, AFTERNOON)),
    ),
    # Waiting for money
    Scenario(10, (0, 13), INVOICES, PLACED),
    Scenario(4, (15, 16), INVOICES, PLACED),  # overdue, within its days of grace
    Scenario(7, (18, 30), INVOICES, PLACED),  # the sweep will cancel it
    Scenario(4, (0, 2), (WEB, MARKETPLACE), (*PLACED, _soon(_failed))),
    Scenario(
        3,
        (5, 9),
        (WEB,),
        (*PLACED, _on(2, 2, partial(do.extend, days=12), MORNING)),
    ),
    Scenario(  # held back from the sweep
        3,
        (5, 9),
        CHECKOUTS,
        (*PLACED, _on(2, 3, partial(do.hold, reason="Address does not exist"))),
    ),
    Scenario(  # exempt from it
        3,
        (20, 32),
        (WHOLESALE,),
        (
            *PLACED,
            _on(9, 9, partial(do.exempt, note="Pays at the end of the quarter.")),
            _on(9, 9, partial(do.tag, tags=["key account"]), AFTERNOON),
        ),
    ),
    Scenario(  # blocked by money on its way
        3, (4, 6), (WEB,), (*PLACED, _on(2, 3, _pending, MORNING))
    ),
    Scenario(
        4,
        (3, 9),
        (WEB_ON_DELIVERY,),
        (*PLACED, _on(1, 2, do.pack), _COLLECTED),
    ),
    Scenario(5, (6, 28), INVOICES, (*PLACED, _on(2, 5, _deposit, MORNING))),
    # Money is there, or as good as
    Scenario(5, (0, 3), (WEB,), (*PLACED, _soon(_authorized))),
    Scenario(
        6,
        (4, 20),
        (WEB,),
        (
            *PLACED,
            _soon(_authorized),
            _on(1, 1, do.report, MORNING),
            _on(1, 2, do.pack),
            _COLLECTED,
        ),
    ),
    Scenario(6, (2, 4), CHECKOUTS, (*PAID, _on(1, 1, do.pack))),
    Scenario(
        3,
        (1, 4),
        CHECKOUTS,
        (*PAID, _soon(partial(do.hold, reason="Billed and sent to two countries"))),
    ),
    Scenario(6, (7, 9), (WEB_TRANSFER, TELEPHONE), INVOICE_PAID),
    Scenario(
        4,
        (4, 12),
        (WEB_TRANSFER,),
        (*PLACED, _on(1, 1, _pending, MORNING), _on(3, 3, do.settle, MORNING)),
    ),
    Scenario(
        2,
        (10, 20),
        (WEB_TRANSFER,),
        (
            *PLACED,
            _on(4, 8, partial(do.report, percent=109), MORNING),
            _on(9, 9, partial(do.note, text="Paid the old price list; owed the rest.")),
        ),
    ),
    # Sent in parts
    Scenario(
        6, (4, 12), CHECKOUTS, (*PAID, _on(1, 2, do.pack_some), _COLLECTED), several
    ),
    Scenario(
        6,
        (5, 30),
        (WEB,),
        (*PAID, _on(1, 2, do.pack_some), _COLLECTED),
        with_backorder,
    ),
    Scenario(  # open for so long that staff should look at it
        2,
        (47, 58),
        (WEB,),
        (
            *PAID,
            _on(3, 3, partial(do.note, text="Will wait for the next delivery.")),
        ),
        with_backorder,
    ),
    # Nothing to pay, nothing to send
    Scenario(4, (3, 20), (GRATIS,), (*PLACED, _on(1, 1, do.pack), _COLLECTED), sample),
    Scenario(5, (0, 28), (WEB,), PAID, gift_card),
    # Done, and yet not left to the sweep
    Scenario(
        2,
        (34, 44),
        CHECKOUTS,
        (*ARRIVED, _on(9, 9, partial(do.hold, reason="Lid arrived chipped"))),
    ),
    Scenario(
        2,
        (45, 55),
        (WHOLESALE,),
        (*INVOICE_ARRIVED, _on(14, 14, partial(do.exempt, note="Open audit."))),
    ),
    Scenario(
        2,
        (36, 40),
        CHECKOUTS,
        (
            *ARRIVED,
            _on(
                34,
                35,
                partial(do.report, kind=Kind.REFUND, percent=20, status=Money.PENDING),
            ),
        ),
    ),
    # Money that went back
    Scenario(
        6,
        (12, 29),
        CHECKOUTS,
        (
            *ARRIVED,
            _on(8, 11, partial(do.report, kind=Kind.REFUND, percent=25)),
        ),
    ),
    Scenario(
        5,
        (3, 50),
        CHECKOUTS,
        (
            *PAID,
            _on(1, 1, partial(do.report, kind=Kind.REFUND), MORNING),
            _on(1, 1, _cancelled(Reason.CUSTOMER, text="Found it in town."), AFTERNOON),
        ),
    ),
    Scenario(
        1,
        (14, 29),
        (WEB,),
        (*ARRIVED, _on(12, 13, partial(do.report, kind=Kind.CHARGEBACK))),
    ),
    Scenario(
        1,
        (12, 29),
        (WEB,),
        (*ARRIVED, _on(8, 11, partial(do.report, kind=Kind.REFUND, percent=110))),
    ),
    Scenario(
        3,
        (45, 60),
        INVOICES,
        (
            *PLACED,
            _on(2, 4, _deposit, MORNING),
            _on(5, 6, do.pack),
            _COLLECTED,
            _on(42, 44, do.write_off, AFTERNOON),
        ),
    ),
    # Called off
    Scenario(5, (1, 50), EVERYWHERE, (*PLACED, _soon(_cancelled(Reason.CUSTOMER)))),
    Scenario(
        4,
        (1, 50),
        CHECKOUTS,
        (*PLACED, _soon(_failed), _soon(_cancelled(Reason.DECLINED))),
    ),
    Scenario(
        2,
        (2, 50),
        (WEB,),
        (
            *PLACED,
            _soon(_authorized),
            _on(1, 1, partial(do.report, kind=Kind.VOID), MORNING),
            _on(1, 1, _cancelled(Reason.FRAUD, text="Card reported stolen.")),
        ),
    ),
    Scenario(
        3,
        (2, 50),
        (MARKETPLACE, TELEPHONE),
        (*PLACED, _on(1, 1, _cancelled(Reason.INVENTORY, text="Broke when packed."))),
    ),
    Scenario(  # packed already
        2,
        (2, 40),
        (WEB_ON_DELIVERY,),
        (
            *PLACED,
            _on(1, 1, do.pack),
            _on(1, 1, _cancelled(Reason.CUSTOMER, text="Refused the fee."), AFTERNOON),
        ),
    ),
    Scenario(
        2, (1, 40), (TELEPHONE,), (_soon(_cancelled(Reason.STAFF, text="Twice.")),)
    ),
    Scenario(
        4,
        (33, 60),
        (TELEPHONE, WHOLESALE),
        (_on(32, 32, _cancelled(Reason.DRAFT_ABANDONED, by_policy=True), MIDNIGHT),),
    ),
    Scenario(
        2,
        (33, 50),
        (WHOLESALE,),
        (_on(1, 1, partial(do.exempt, note="Offer stands until the fair.")),),
    ),
)
