"""Pack, ship and deliver parcels."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from orders.exceptions import InvalidInput, OutOfStock
from orders.models import (
    Actor,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderLine,
)

from . import guards, stock
from .drafting import SYSTEM
from .guards import only_in
from .input import check_text
from .keys import Among
from .timeline import NewEvent, write_orders
from .totals import quantity_columns, quantity_sums
from .transition import Ids, Outcome, Problem, Problems, change_orders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from .guards import Guard, GuardsAt

Status = Fulfillment.Status


def create_fulfillment(
    order: Order,
    *,
    quantities: Mapping[int, int] | None = None,
    carrier: str = "",
    tracking_number: str = "",
    tracking_url: str = "",
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Fulfillment:
    """Pack a parcel: units by line id, or all that is left to ship.

    Raises a Refusal where the order is not open, is held or has nothing left,
    and InvalidInput for units that are not there to ship.
    """
    tracking = _checked_tracking(carrier, tracking_number, tracking_url)
    check_text("note", note, longest=4000)
    parcel = Fulfillment(
        order=order, direction=Fulfillment.Direction.OUT, status=Status.PENDING
    )

    def write(ids: Ids, now: datetime) -> Problems:
        left = units_left(order)
        wanted = _wanted(quantities, left)
        parcel.created_at = now
        for name, value in tracking.items():
            setattr(parcel, name, value)
        parcel.save(force_insert=True)
        FulfillmentLine.objects.bulk_create(
            FulfillmentLine(fulfillment=parcel, line_id=line_id, quantity=quantity)
            for line_id, quantity in wanted.items()
        )
        event = NewEvent(
            OrderEvent.Type.FULFILLMENT_CREATED,
            by,
            note=note,
            details=_details({order.pk: parcel}),
        )
        write_orders(ids, event, now=now)
        return {}

    change_orders([order], guards=guards.fulfill, write=write, now=now).one()
    return parcel


def ship(
    fulfillments: Iterable[Fulfillment],
    *,
    carrier: str = "",
    tracking_number: str = "",
    tracking_url: str = "",
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Send packed parcels, one of an order at a time, and take their stock.

    Of tracked SKUs the units must be on hand, backordered or not; else the order
    is refused (OutOfStock). The last parcel completes a settled order.
    """
    tracking = _checked_tracking(carrier, tracking_number, tracking_url)
    check_text("note", note, longest=4000)
    parcels = _by_order(fulfillments)

    def write(ids: Ids, now: datetime) -> Problems:
        refused = _not_in_state(ids, parcels, Status.PENDING)
        ready = [pk for pk in ids if pk not in refused]
        refused |= _take_stock(ready, parcels)
        shipped = {pk: parcels[pk] for pk in ready if pk not in refused}
        Fulfillment.objects.filter(pk__in=_keys(shipped)).update(
            status=Status.SHIPPED,
            shipped_at=now,
            **{name: value for name, value in tracking.items() if value},
        )
        write_orders(
            list(shipped),
            NewEvent(
                OrderEvent.Type.FULFILLMENT_SHIPPED,
                by,
                note=note,
                details=_details(shipped),
            ),
            now=now,
            source=quantity_sums(list(shipped)),
            assign=quantity_columns(now),
        )
        return refused

    return change_orders(parcels, guards=_shippable, write=write, now=now)


def deliver(
    fulfillments: Iterable[Fulfillment],
    *,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Record that parcels arrived; a fact, so also for closed and held orders."""
    return _move(
        fulfillments,
        NewEvent(OrderEvent.Type.FULFILLMENT_DELIVERED, by, note=note),
        before=Status.SHIPPED,
        after=Status.DELIVERED,
        stamp="delivered_at",
        guards_at=lambda _: (only_in(Order.Status.OPEN, Order.Status.CLOSED),),
        now=now,
    )


def cancel_fulfillment(
    fulfillments: Iterable[Fulfillment],
    *,
    note: str = "",
    by: Actor = SYSTEM,
    now: datetime | None = None,
) -> Outcome:
    """Unpack parcels that have not been sent; their units may be packed again."""
    return _move(
        fulfillments,
        NewEvent(OrderEvent.Type.FULFILLMENT_CANCELLED, by, note=note),
        before=Status.PENDING,
        after=Status.CANCELLED,
        stamp="cancelled_at",
        guards_at=lambda _: (only_in(Order.Status.OPEN),),
        now=now,
    )


def abandon_shipping(ids: Ids, *, now: datetime) -> dict[str, int]:
    """Unpack and unreserve all that locked orders still had to send.

    Returns the units by SKU that are to be given back to stock at the end of the
    change (``stock.give_back``).
    """
    Fulfillment.objects.filter(Among("order", ids), status=Status.PENDING).update(
        status=Status.CANCELLED, cancelled_at=now
    )
    return stock.release_lines(ids)


def _move(
    fulfillments: Iterable[Fulfillment],
    event: NewEvent,
    *,
    before: Status,
    after: Status,
    stamp: str,
    guards_at: GuardsAt,
    now: datetime | None,
) -> Outcome:
    check_text("note", event.note, longest=4000)
    parcels = _by_order(fulfillments)

    def write(ids: Ids, now: datetime) -> Problems:
        refused = _not_in_state(ids, parcels, before)
        moved = {pk: parcels[pk] for pk in ids if pk not in refused}
        Fulfillment.objects.filter(pk__in=_keys(moved)).update(
            status=after, **{stamp: now}
        )
        described = replace(event, details=_details(moved))
        write_orders(list(moved), described, now=now)
        return refused

    return change_orders(parcels, guards=guards_at, write=write, now=now)


def _shippable(now: datetime) -> tuple[Guard, ...]:
    return (only_in(Order.Status.OPEN), guards.not_held(now))


def _checked_tracking(carrier: str, number: str, url: str) -> dict[str, str]:
    check_text("carrier", carrier, longest=64)
    check_text("tracking_number", number, longest=128)
    check_text("tracking_url", url, longest=500)
    try:
        if url:
            URLValidator(schemes=["http", "https"])(url)
    except ValidationError:
        raise InvalidInput("tracking_url", "is not an http or https URL") from None
    return {"carrier": carrier, "tracking_number": number, "tracking_url": url}


def units_left(order: Order) -> dict[int, int]:
    """Return the units by line id that are neither sent, cancelled nor packed."""
    packed = Q(fulfillment_lines__fulfillment__status=Status.PENDING)
    lines = OrderLine.objects.filter(order=order, requires_shipping=True).annotate(
        packed=Coalesce(Sum("fulfillment_lines__quantity", filter=packed), 0)
    )
    return {line.pk: line.qty_open - line.packed for line in lines}


def _wanted(
    quantities: Mapping[int, int] | None, left: dict[int, int]
) -> dict[int, int]:
    if quantities is None:
        quantities = {line_id: units for line_id, units in left.items() if units}
    for line_id, quantity in quantities.items():
        available = left.get(line_id, 0)
        if type(quantity) is not int or not 1 <= quantity <= available:
            raise InvalidInput(
                "quantities",
                f"line {line_id}: {quantity} wanted, {available} left to ship",
            )
    if not quantities:
        raise InvalidInput("quantities", "nothing is left to pack")
    return dict(quantities)


def _by_order(fulfillments: Iterable[Fulfillment]) -> dict[UUID, Fulfillment]:
    parcels: dict[UUID, Fulfillment] = {}
    for parcel in fulfillments:
        if parcels.setdefault(parcel.order_id, parcel).pk != parcel.pk:
            raise InvalidInput(
                "fulfillments", f"two of order {parcel.order_id}: take one at a time"
            )
    return parcels


def _keys(parcels: Mapping[UUID, Fulfillment]) -> list[UUID]:
    return [parcel.pk for parcel in parcels.values()]


def _not_in_state(
    ids: Ids, parcels: Mapping[UUID, Fulfillment], state: Status
) -> Problems:
    states = dict(
        Fulfillment.objects.filter(pk__in=[parcels[pk].pk for pk in ids]).values_list(
            "pk", "status"
        )
    )
    now = {pk: states.get(parcels[pk].pk, "not there") for pk in ids}
    return {
        pk: Problem(
            "fulfillment_status", f"has a parcel that is {now[pk]}, not {state}"
        )
        for pk in ids
        if now[pk] != state
    }


def _take_stock(ids: Ids, parcels: Mapping[UUID, Fulfillment]) -> Problems:
    """Take each parcel's units from stock, or refuse the order whole."""
    contents = _contents([parcels[pk].pk for pk in ids])
    items = stock.lock_stock(
        line.line.sku for lines in contents.values() for line in lines
    )
    on_hand = {sku: item.on_hand for sku, item in items.items()}
    taken: list[tuple[int, str, int, int]] = []
    refused: Problems = {}
    for pk in ids:
        lines = contents[parcels[pk].pk]
        wanted = Counter[str]()
        for line in lines:
            wanted[line.line.sku] += line.quantity
        short = [sku for sku in wanted if wanted[sku] > on_hand.get(sku, wanted[sku])]
        if short:
            missing = f"lacks on hand: {', '.join(sorted(short))}; adjust the stock"
            refused[pk] = Problem("stock", missing, OutOfStock)
            continue
        for sku in wanted.keys() & on_hand.keys():
            on_hand[sku] -= wanted[sku]
        taken += [
            (
                line.line_id,
                line.line.sku,
                line.quantity,
                min(line.quantity, line.line.qty_reserved),
            )
            for line in lines
        ]
    stock.take(taken)
    return refused


def _contents(keys: list[UUID]) -> defaultdict[UUID, list[FulfillmentLine]]:
    contents: defaultdict[UUID, list[FulfillmentLine]] = defaultdict(list)
    for line in FulfillmentLine.objects.filter(fulfillment__in=keys).select_related(
        "line"
    ):
        contents[line.fulfillment_id].append(line)
    return contents


def _details(parcels: Mapping[UUID, Fulfillment]) -> dict[UUID, dict[str, Any]]:
    contents = _contents(_keys(parcels))
    return {
        order_id: {
            "fulfillment": str(parcel.pk),
            "lines": [
                {"sku": line.line.sku, "quantity": line.quantity}
                for line in contents[parcel.pk]
            ],
        }
        for order_id, parcel in parcels.items()
    }
