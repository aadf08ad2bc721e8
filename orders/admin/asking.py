"""The page that asks for confirmation before a change, and the reply to it.

The page carries the version of each order as it was shown. An order that has changed
since is refused, so a form that is sent twice or kept open for long does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from orders.exceptions import InvalidInput, OrderError, Refusal
from orders.models import Order
from orders.services.transition import Outcome
from orders.services.versions import change_unless_stale
from scheduling.admin.telling import MOST_TOLD, in_lines
from scheduling.clock import database_now

from .rights import actor
from .transitions import Transition, foreseen_refusals

if TYPE_CHECKING:
    from .transition_forms import TransitionForm

#: One request changes no more; a longer list is for a task.
MOST_AT_ONCE = 1000
LIST = "admin:orders_order_changelist"
#: Rows of an order that its page may name when it opens a question.
PARTS = ("parcel", "payment")


def ask(
    request: HttpRequest,
    transition: Transition,
    orders: Sequence[Order],
    site: Mapping[str, Any],
    *,
    back: str = "",
) -> HttpResponse:
    """Show how many orders will change, and ask for what the transition needs."""
    initial = {name: request.GET[name] for name in PARTS if name in request.GET}
    form = transition.form(orders=orders, user=request.user, initial=initial)
    seen = {order.pk: order.version for order in orders}
    return _page(request, transition, form, seen, site, back=back)


def answer(
    request: HttpRequest, transition: Transition, site: Mapping[str, Any]
) -> HttpResponse:
    """Carry out what was confirmed, and report the outcome for each order."""
    back = request.POST.get("back", "")
    try:
        seen = read_seen(request.POST.get("seen", ""))
    except ValueError:
        seen = {}
    most = MOST_AT_ONCE if transition.many else 1
    rows = Order.objects.in_bulk(list(seen)) if len(seen) <= most else {}
    orders = [rows[pk] for pk in seen if pk in rows]
    if not orders:
        messages.error(request, "Select the orders again.")
        return HttpResponseRedirect(reverse(LIST))
    form = transition.form(request.POST, orders=orders, user=request.user)
    outcome = _carry_out(request, form, seen) if form.is_valid() else None
    if outcome and len(seen) == 1 and outcome.refused:
        form.add_error(None, _sentences(outcome))
        outcome = None
    if outcome is None:
        return _page(request, transition, form, seen, site, back=back)
    _tell(request, transition, outcome)
    if len(seen) == 1 and not back:
        return HttpResponseRedirect(
            reverse("admin:orders_order_change", args=[orders[0].pk])
        )
    return HttpResponseRedirect(f"{reverse(LIST)}?{back}")


def write_seen(seen: Mapping[UUID, int]) -> str:
    return " ".join(f"{pk}:{version}" for pk, version in seen.items())


def read_seen(text: str) -> dict[UUID, int]:
    """Return versions by order. Raises ValueError for what no page has written."""
    pairs = (pair.partition(":") for pair in text.split())
    return {UUID(pk): int(version) for pk, _, version in pairs}


def _carry_out(
    request: HttpRequest, form: TransitionForm, seen: Mapping[UUID, int]
) -> Outcome | None:
    """Return the outcome; None if the form has to be corrected."""
    try:
        return change_unless_stale(seen, partial(form.change, by=actor(request)))
    except Refusal as refusal:
        return Outcome(refused={refusal.order_id: refusal})
    except InvalidInput as error:
        field = error.field if error.field in form.fields else None
        form.add_error(field, error.problem if field else str(error))
    except OrderError as error:
        form.add_error(None, str(error))
    return None


def _sentences(outcome: Outcome) -> list[Any]:
    return [str(refusal) for refusal in outcome.refused.values()]


def _tell(request: HttpRequest, transition: Transition, outcome: Outcome) -> None:
    count = len(outcome.changed)
    if count:
        who = f"Order {outcome.orders[0]}" if count == 1 else f"{count} orders"
        messages.success(request, f"{who}: {transition.done}.")
    if outcome.refused:
        refused = f"{len(outcome.refused)} refused:"
        messages.error(request, in_lines(_sentences(outcome), heading=refused))


def _page(
    request: HttpRequest,
    transition: Transition,
    form: TransitionForm,
    seen: Mapping[UUID, int],
    site: Mapping[str, Any],
    *,
    back: str,
) -> TemplateResponse:
    orders = form.orders
    about = f"order {orders[0]}" if len(orders) == 1 else f"{len(orders)} orders"
    foreseen = foreseen_refusals(transition, orders, now=database_now())
    context = {
        **site,
        "title": f"{transition.label}: {about}",
        "transition": transition,
        "form": form,
        "orders": orders[:MOST_TOLD],
        "more_orders": max(0, len(orders) - MOST_TOLD),
        "total": len(orders),
        "accepted": len(orders) - len(foreseen),
        "foreseen": foreseen[:MOST_TOLD],
        "more_foreseen": max(0, len(foreseen) - MOST_TOLD),
        "seen": write_seen(seen),
        "back": back,
        "only_order": orders[0] if len(orders) == 1 else None,
    }
    return TemplateResponse(request, "orders/transition.html", context)
