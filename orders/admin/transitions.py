"""What staff may do to orders: who may, when, and what is asked first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orders.models import Order
from orders.services import guards
from orders.services.guards import GuardsAt, refusal_code

from . import transition_forms as ask
from .rights import may

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

CHANGE = "change_order"
OVERRIDE = "override_order"
PAYMENTS = "record_payment"


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that may be done to orders.

    ``guards`` are the service's own. ``many``: to several at once, from the list.
    ``on``: to a ``parcel`` or ``payment`` of the order, from its row.
    ``where_refused`` names a milder transition; this one is offered where an order
    refuses that.
    """

    name: str
    label: str
    done: str
    form: type[ask.TransitionForm]
    guards: GuardsAt
    right: str = CHANGE
    many: bool = True
    on: str = ""
    where_refused: str = ""
    warning: str = ""

    def permitted(self, user: AbstractBaseUser | AnonymousUser) -> bool:
        return may(user, self.right)


_ALL = (
    Transition(
        "edit", "Edit details", "corrected", ask.EditForm, guards.update, many=False
    ),
    Transition("place", "Place", "placed", ask.PlaceForm, guards.place),
    Transition(
        "pay",
        "Record payment",
        "payment recorded",
        ask.PayForm,
        guards.anything,
        right=PAYMENTS,
        many=False,
    ),
    Transition("pack", "Ship", "packed", ask.PackForm, guards.fulfill, many=False),
    Transition("hold", "Hold", "held", ask.HoldForm, guards.hold),
    Transition("release", "Release", "released", ask.ReleaseForm, guards.release),
    Transition(
        "extend",
        "Extend due date",
        "due date extended",
        ask.ExtendForm,
        guards.extend,
    ),
    Transition("close", "Close", "closed", ask.CloseForm, guards.close),
    Transition(
        "write-off",
        "Write off",
        "written off",
        ask.WriteOffForm,
        guards.write_off,
        right=OVERRIDE,
        where_refused="close",
        warning="It is closed although it is not fully paid or not fully shipped.",
    ),
    Transition("cancel", "Cancel", "cancelled", ask.CancelForm, guards.cancel),
    Transition(
        "cancel-paid",
        "Cancel although paid",
        "cancelled",
        ask.CancelPaidForm,
        partial(guards.cancel, override=True),
        right=OVERRIDE,
        where_refused="cancel",
        warning="Captured money is not refunded automatically.",
    ),
    Transition("note", "Add note", "note added", ask.NoteForm, guards.anything),
    Transition("tag", "Add tags", "tagged", ask.TagsForm, guards.anything),
    Transition(
        "exempt",
        "Exempt from policies",
        "exemption set",
        ask.ExemptionForm,
        guards.anything,
    ),
    Transition(
        "settle",
        "Settle",
        "payment settled",
        ask.SettleForm,
        guards.anything,
        right=PAYMENTS,
        many=False,
        on="payment",
    ),
    Transition(
        "ship",
        "Ship",
        "parcel shipped",
        ask.ShipForm,
        guards.anything,
        many=False,
        on="parcel",
    ),
    Transition(
        "deliver",
        "Delivered",
        "parcel delivered",
        ask.DeliverForm,
        guards.anything,
        many=False,
        on="parcel",
    ),
    Transition(
        "unpack",
        "Unpack",
        "parcel cancelled",
        ask.UnpackForm,
        guards.anything,
        many=False,
        on="parcel",
    ),
)
TRANSITIONS = {transition.name: transition for transition in _ALL}


def offered(
    order: Order, user: AbstractBaseUser | AnonymousUser, *, now: datetime
) -> list[Transition]:
    """Return what a user may do to an order as it is now. One query."""
    general = [one for one in _ALL if not one.on]
    rules = (refusal_code(one.guards(now)) for one in general)
    codes = Order.objects.filter(pk=order.pk).values_list(*rules).get()
    allowed = [one for one, code in zip(general, codes, strict=True) if not code]
    names = {one.name for one in allowed}
    return [
        one for one in allowed if one.permitted(user) and one.where_refused not in names
    ]


def foreseen_refusals(
    transition: Transition, orders: Iterable[Order], *, now: datetime
) -> list[tuple[Order, str]]:
    """Return the orders that would be refused now, with why. One query.

    What depends on the lines or the stock is found only by carrying it out.
    """
    rules = transition.guards(now)
    sentences = {rule.code: rule.sentence for rule in rules}
    codes: dict[UUID, str] = dict(
        Order.objects.filter(pk__in=[order.pk for order in orders]).values_list(
            "pk", refusal_code(rules)
        )
    )
    return [
        (order, sentences[code]) for order in orders if (code := codes.get(order.pk))
    ]
