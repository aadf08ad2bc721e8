"""How orders fare in the made-up shop: each story is one row of a table.

A story's ages are such that all of it has happened by now, and that nothing of it
falls into today but what happens within the hour. Where it says what policies do,
they are those of a new installation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from functools import partial

from orders.models import Order, Payment
from orders.services.drafting import SYSTEM

from . import happenings as on
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
from .happenings import Happening

MIDNIGHT, MORNING, NOON, AFTERNOON = time(0), time(10, 30), time(13), time(16)
Reason = Order.CancelReason
Kind = Payment.Kind
Money = Payment.Status


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens: minutes after the step before, or days after the start.

    Both are the least and the most; ``at`` is the time of that day, in UTC.
    """

    happening: Happening
    minutes: tuple[int, int] = (1, 9)
    days: tuple[int, int] | None = None
    at: time = NOON


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to some of the orders.

    ``weight`` is how often it is told, ``ages`` are the least and the most days
    since its start. Without a basket, orders are what their channel sells.
    """

    weight: int
    ages: tuple[int, int]
    channels: Sequence[Channel]
    steps: tuple[Step, ...] = ()
    basket: Basket | None = None


def _soon(happening: Happening) -> Step:
    return Step(happening)


def _on(first: int, last: int, happening: Happening, at: time = NOON) -> Step:
    return Step(happening, days=(first, last), at=at)


_pending = partial(on.report, status=Money.PENDING)
_failed = partial(on.report, status=Money.FAILED)
_authorized = partial(on.report, kind=Kind.AUTHORIZATION)
_deposit = partial(on.report, percent=40)

PLACED = (_soon(on.place),)
PAID = (*PLACED, _soon(on.report))
#: Two hours after it was packed, with the carrier's round.
_COLLECTED = Step(on.send, minutes=(120, 120))
SENT = (*PAID, _on(1, 2, on.pack), _COLLECTED)
ARRIVED = (*SENT, _on(3, 6, on.arrive, MORNING))
INVOICE_PAID = (*PLACED, _on(4, 6, on.report, MORNING))
INVOICE_ARRIVED = (
    *PLACED,
    _on(1, 2, on.pack),
    _COLLECTED,
    _on(3, 6, on.arrive, MORNING),
    _on(8, 13, on.report, MORNING),
)
COUNTER = (*PLACED, Step(on.report, minutes=(1, 1)), Step(on.hand_over, minutes=(1, 1)))


def _cancelled(
    reason: Order.CancelReason, *, text: str = "", by_policy: bool = False
) -> Happening:
    by = SYSTEM if by_policy else OFFICE
    return partial(on.cancel, reason=reason, note=text, by=by)


# The first come even into a handful of orders.
STORIES = (
    Story(12, (0, 21), (TELEPHONE, WHOLESALE)),  # a draft
    Story(10, (0, 2), CHECKOUTS, PLACED),  # unpaid, not due yet
    Story(14, (0, 1), CHECKOUTS, PAID),  # to be packed
    Story(12, (3, 5), CHECKOUTS, SENT),  # on its way
    Story(30, (7, 29), CHECKOUTS, ARRIVED),  # there
    Story(9, (4, 8), CHECKOUTS, PLACED),  # the sweep will cancel it
    Story(14, (34, 44), CHECKOUTS, ARRIVED),  # the sweep will close it
    Story(6, (32, 44), (TELEPHONE, WHOLESALE)),  # the sweep will drop this draft
    Story(  # closed by a sweep
        30,
        (35, 60),
        CHECKOUTS,
        (*ARRIVED, _on(34, 34, on.close_by_policy, MIDNIGHT)),
    ),
    Story(  # cancelled by a sweep
        12,
        (5, 60),
        CHECKOUTS,
        (
            *PLACED,
            _on(4, 4, _cancelled(Reason.PAYMENT_OVERDUE, by_policy=True), MIDNIGHT),
        ),
    ),
    Story(30, (0, 60), (POS,), (*COUNTER, _soon(on.close))),
    Story(  # closed by hand
        10,
        (16, 60),
        (WHOLESALE, TELEPHONE),
        (*INVOICE_ARRIVED, _on(14, 15, on.close, AFTERNOON)),
    ),
    # Waiting for money
    Story(10, (0, 13), INVOICES, PLACED),
    Story(4, (15, 16), INVOICES, PLACED),  # overdue, within its days of grace
    Story(7, (18, 30), INVOICES, PLACED),  # the sweep will cancel it
    Story(4, (0, 2), (WEB, MARKETPLACE), (*PLACED, _soon(_failed))),
    Story(
        3,
        (5, 9),
        (WEB,),
        (*PLACED, _on(2, 2, partial(on.extend, days=12), MORNING)),
    ),
    Story(  # held back from the sweep
        3,
        (5, 9),
        CHECKOUTS,
        (*PLACED, _on(2, 3, partial(on.hold, reason="Address does not exist"))),
    ),
    Story(  # exempt from it
        3,
        (20, 32),
        (WHOLESALE,),
        (
            *PLACED,
            _on(9, 9, partial(on.exempt, note="Pays at the end of the quarter.")),
            _on(9, 9, partial(on.tag, tags=["key account"]), AFTERNOON),
        ),
    ),
    Story(  # blocked by money on its way
        3, (4, 6), (WEB,), (*PLACED, _on(2, 3, _pending, MORNING))
    ),
    Story(
        4,
        (3, 9),
        (WEB_ON_DELIVERY,),
        (*PLACED, _on(1, 2, on.pack), _COLLECTED),
    ),
    Story(5, (6, 28), INVOICES, (*PLACED, _on(2, 5, _deposit, MORNING))),
    # Money is there, or as good as
    Story(5, (0, 3), (WEB,), (*PLACED, _soon(_authorized))),
    Story(
        6,
        (4, 20),
        (WEB,),
        (
            *PLACED,
            _soon(_authorized),
            _on(1, 1, on.report, MORNING),
            _on(1, 2, on.pack),
            _COLLECTED,
        ),
    ),
    Story(6, (2, 4), CHECKOUTS, (*PAID, _on(1, 1, on.pack))),
    Story(
        3,
        (1, 4),
        CHECKOUTS,
        (*PAID, _soon(partial(on.hold, reason="Billed and sent to two countries"))),
    ),
    Story(6, (7, 9), (WEB_TRANSFER, TELEPHONE), INVOICE_PAID),
    Story(
        4,
        (4, 12),
        (WEB_TRANSFER,),
        (*PLACED, _on(1, 1, _pending, MORNING), _on(3, 3, on.settle, MORNING)),
    ),
    Story(
        2,
        (10, 20),
        (WEB_TRANSFER,),
        (
            *PLACED,
            _on(4, 8, partial(on.report, percent=109), MORNING),
            _on(9, 9, partial(on.note, text="Paid the old price list; owed the rest.")),
        ),
    ),
    # Sent in parts
    Story(6, (4, 12), CHECKOUTS, (*PAID, _on(1, 2, on.pack_some), _COLLECTED), several),
    Story(
        6,
        (5, 30),
        (WEB,),
        (*PAID, _on(1, 2, on.pack_some), _COLLECTED),
        with_backorder,
    ),
    Story(  # open for so long that staff should look at it
        2,
        (47, 58),
        (WEB,),
        (
            *PAID,
            _on(3, 3, partial(on.note, text="Will wait for the next delivery.")),
        ),
        with_backorder,
    ),
    # Nothing to pay, nothing to send
    Story(4, (3, 20), (GRATIS,), (*PLACED, _on(1, 1, on.pack), _COLLECTED), sample),
    Story(5, (0, 28), (WEB,), PAID, gift_card),
    # Done, and yet not left to the sweep
    Story(
        2,
        (34, 44),
        CHECKOUTS,
        (*ARRIVED, _on(9, 9, partial(on.hold, reason="Lid arrived chipped"))),
    ),
    Story(
        2,
        (45, 55),
        (WHOLESALE,),
        (*INVOICE_ARRIVED, _on(14, 14, partial(on.exempt, note="Open audit."))),
    ),
    Story(
        2,
        (36, 40),
        CHECKOUTS,
        (
            *ARRIVED,
            _on(
                34,
                35,
                partial(on.report, kind=Kind.REFUND, percent=20, status=Money.PENDING),
            ),
        ),
    ),
    # Money that went back
    Story(
        6,
        (12, 29),
        CHECKOUTS,
        (
            *ARRIVED,
            _on(8, 11, partial(on.report, kind=Kind.REFUND, percent=25)),
        ),
    ),
    Story(
        5,
        (3, 50),
        CHECKOUTS,
        (
            *PAID,
            _on(1, 1, partial(on.report, kind=Kind.REFUND), MORNING),
            _on(1, 1, _cancelled(Reason.CUSTOMER, text="Found it in town."), AFTERNOON),
        ),
    ),
    Story(
        1,
        (14, 29),
        (WEB,),
        (*ARRIVED, _on(12, 13, partial(on.report, kind=Kind.CHARGEBACK))),
    ),
    Story(
        1,
        (12, 29),
        (WEB,),
        (*ARRIVED, _on(8, 11, partial(on.report, kind=Kind.REFUND, percent=110))),
    ),
    Story(
        3,
        (45, 60),
        INVOICES,
        (
            *PLACED,
            _on(2, 4, _deposit, MORNING),
            _on(5, 6, on.pack),
            _COLLECTED,
            _on(42, 44, on.write_off, AFTERNOON),
        ),
    ),
    # Called off
    Story(5, (1, 50), EVERYWHERE, (*PLACED, _soon(_cancelled(Reason.CUSTOMER)))),
    Story(
        4,
        (1, 50),
        CHECKOUTS,
        (*PLACED, _soon(_failed), _soon(_cancelled(Reason.DECLINED))),
    ),
    Story(
        2,
        (2, 50),
        (WEB,),
        (
            *PLACED,
            _soon(_authorized),
            _on(1, 1, partial(on.report, kind=Kind.VOID), MORNING),
            _on(1, 1, _cancelled(Reason.FRAUD, text="Card reported stolen.")),
        ),
    ),
    Story(
        3,
        (2, 50),
        (MARKETPLACE, TELEPHONE),
        (*PLACED, _on(1, 1, _cancelled(Reason.INVENTORY, text="Broke when packed."))),
    ),
    Story(  # packed already
        2,
        (2, 40),
        (WEB_ON_DELIVERY,),
        (
            *PLACED,
            _on(1, 1, on.pack),
            _on(1, 1, _cancelled(Reason.CUSTOMER, text="Refused the fee."), AFTERNOON),
        ),
    ),
    Story(2, (1, 40), (TELEPHONE,), (_soon(_cancelled(Reason.STAFF, text="Twice.")),)),
    Story(
        4,
        (33, 60),
        (TELEPHONE, WHOLESALE),
        (_on(32, 32, _cancelled(Reason.DRAFT_ABANDONED, by_policy=True), MIDNIGHT),),
    ),
    Story(
        2,
        (33, 50),
        (WHOLESALE,),
        (_on(1, 1, partial(on.exempt, note="Offer stands until the fair.")),),
    ),
)
