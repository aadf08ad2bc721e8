"""What staff are asked before an order is changed, and the service it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction

from orders.models import Actor, Fulfillment, Order, Payment
from orders.money import round_money
from orders.services.cancellation import cancel_orders
from orders.services.closing import close_orders
from orders.services.details import Corrections, update_orders
from orders.services.due_dates import extend_due_dates
from orders.services.fulfillment import (
    cancel_fulfillment,
    create_fulfillment,
    deliver,
    ship,
    units_left,
)
from orders.services.holds import hold_orders, release_orders
from orders.services.payments import record_payment, settle_payment
from orders.services.placement import place_orders
from orders.services.remarks import add_note, add_tags, set_automation_exempt
from orders.services.transition import Ids, Outcome

from .address import AddressField, filled
from .inputs import (
    ObjectField,
    instant_field,
    money_field,
    note_field,
    text_field,
)
from .rights import may

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

CancelReason = Order.CancelReason
CloseReason = Order.CloseReason
#: The sweep gives the other reasons.
STAFF_CANCEL_REASONS = [
    (reason.value, reason.label)
    for reason in CancelReason
    if reason not in (CancelReason.PAYMENT_OVERDUE, CancelReason.DRAFT_ABANDONED)
]
STAFF_CLOSE_REASONS = [
    (reason.value, reason.label)
    for reason in (CloseReason.COMPLETED, CloseReason.OTHER)
]


class TransitionForm(forms.Form):
    """Asks what a transition needs, and hands it to the service.

    ``orders`` are those that the page is about, as they are now.
    """

    def __init__(
        self,
        *args: Any,
        orders: Sequence[Order],
        user: AbstractBaseUser | AnonymousUser,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.orders = orders
        self.user = user
        self.prepare()

    def prepare(self) -> None:
        """Fit the fields to the orders and to what the user may."""

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        """Carry it out on these orders. Raises OrderError."""
        raise NotImplementedError


class PlaceForm(TransitionForm):
    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return place_orders(ids, by=by)


class CancelForm(TransitionForm):
    override: ClassVar[bool] = False

    reason = forms.ChoiceField(choices=STAFF_CANCEL_REASONS)
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return cancel_orders(ids, by=by, override=self.override, **self.cleaned_data)


class CancelPaidForm(CancelForm):
    override = True


class CloseForm(TransitionForm):
    reason = forms.ChoiceField(choices=STAFF_CLOSE_REASONS)
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return close_orders(ids, by=by, **self.cleaned_data)


class WriteOffForm(TransitionForm):
    note = note_field(label="Reason", required=True)

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return close_orders(
            ids,
            reason=CloseReason.WRITTEN_OFF,
            note=self.cleaned_data["note"],
            override=True,
            by=by,
        )


class HoldForm(TransitionForm):
    reason = text_field("Reason", 200, required=True)
    until = instant_field(
        "Until", required=False, help_text="Empty: until it is released."
    )
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return hold_orders(ids, by=by, **self.cleaned_data)


class ReleaseForm(TransitionForm):
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return release_orders(ids, by=by, **self.cleaned_data)


class ExtendForm(TransitionForm):
    until = instant_field("New due date")
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return extend_due_dates(ids, by=by, **self.cleaned_data)


class NoteForm(TransitionForm):
    note = note_field(required=True)

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return add_note(ids, by=by, **self.cleaned_data)


class TagsForm(TransitionForm):
    tags = text_field(
        "Tags",
        1000,
        required=True,
        help_text="Separated by commas; added to the existing tags.",
    )

    def clean_tags(self) -> list[str]:
        tags = (tag.strip() for tag in self.cleaned_data["tags"].split(","))
        return [tag for tag in tags if tag]

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        return add_tags(ids, by=by, **self.cleaned_data)


class ExemptionForm(TransitionForm):
    EXEMPT = "exempt"
    choice = forms.ChoiceField(
        label="Policies",
        choices=[
            (EXEMPT, "Never cancel or close it by a policy"),
            ("subject", "Let policies cancel and close it"),
        ],
        widget=forms.RadioSelect,
    )
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        exempt = self.cleaned_data["choice"] == self.EXEMPT
        return set_automation_exempt(
            ids, exempt=exempt, note=self.cleaned_data["note"], by=by
        )


class OneOrderForm(TransitionForm):
    """Asks about the parts of a single order."""

    @property
    def order(self) -> Order:
        (order,) = self.orders
        return order


class EditForm(OneOrderForm):
    """Only what was changed is handed on, and named on the timeline."""

    customer_name = text_field("Customer", 200)
    customer_email = text_field("E-mail", 254)
    customer_reference = text_field("Customer's reference", 128)
    external_reference = text_field("External reference", 128)
    billing_address = AddressField()
    shipping_address = AddressField()
    metadata = ObjectField(required=False, help_text="A JSON object.")
    note = note_field()

    def prepare(self) -> None:
        names = self.fields.keys() - {"note"}
        self.initial = {name: getattr(self.order, name) for name in names}

    def clean(self) -> dict[str, Any]:
        if not self.errors and not self.corrections():
            raise ValidationError("Nothing was changed.")
        return self.cleaned_data

    def corrections(self) -> Corrections:
        now = {
            name: filled(value) if name.endswith("_address") else value
            for name, value in self.initial.items()
        }
        changed: Corrections = {  # type: ignore[assignment] # the fields' own names
            name: self.cleaned_data[name]
            for name in now
            if self.cleaned_data[name] != now[name]
        }
        return changed

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        note = self.cleaned_data["note"]
        return update_orders(ids, note=note, by=by, **self.corrections())


class PayForm(OneOrderForm):
    kind = forms.ChoiceField(
        choices=Payment.Kind.choices, initial=Payment.Kind.CAPTURE.value
    )
    amount = money_field("Amount")
    status = forms.ChoiceField(
        choices=Payment.Status.choices, initial=Payment.Status.SUCCEEDED.value
    )
    provider = text_field("Provider", 64, help_text="Bank, cash, stripe …")
    provider_reference = text_field(
        "Reference",
        128,
        help_text="Identifies this movement at the provider; no report counts twice.",
    )
    parent = forms.ModelChoiceField(
        label="Belongs to",
        queryset=Payment.objects.none(),
        required=False,
        help_text="The movement that this one captures, voids or gives back.",
    )
    note = note_field()

    def prepare(self) -> None:
        order = self.order
        missing = order.grand_total - order.captured_total + order.charged_back_total
        self.fields["amount"].initial = round_money(max(missing, 0), order.currency)
        self.fields["amount"].label = f"Amount ({order.currency})"
        parent, kind = self.fields["parent"], self.fields["kind"]
        assert isinstance(parent, forms.ModelChoiceField)  # noqa: S101 - declared so
        parent.queryset = order.payments.all()
        assert isinstance(kind, forms.ChoiceField)  # noqa: S101 - declared so
        if not may(self.user, "override_order"):
            kind.choices = [
                (value, label)
                for value, label in Payment.Kind.choices
                if value != Payment.Kind.REFUND
            ]

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        record_payment(self.order, by=by, **self.cleaned_data)
        return Outcome(changed=ids)


class SettleForm(OneOrderForm):
    payment = forms.ModelChoiceField(
        queryset=Payment.objects.none(),
        empty_label=None,
        error_messages={"invalid_choice": "There is no such pending payment."},
    )
    status = forms.ChoiceField(
        label="Outcome",
        choices=[
            (status.value, status.label)
            for status in (Payment.Status.SUCCEEDED, Payment.Status.FAILED)
        ],
    )
    note = note_field()

    def prepare(self) -> None:
        payment = self.fields["payment"]
        assert isinstance(payment, forms.ModelChoiceField)  # noqa: S101 - as declared
        payment.queryset = self.order.payments.filter(status=Payment.Status.PENDING)

    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        settle_payment(
            self.cleaned_data["payment"],
            status=self.cleaned_data["status"],
            note=self.cleaned_data["note"],
            by=by,
        )
        return Outcome(changed=ids)


class TrackingForm(OneOrderForm):
    carrier = text_field("Carrier", 64)
    tracking_number = text_field("Tracking number", 128)
    tracking_url = text_field(
        "Tracking link", 500, help_text="Begins with https:// or http://"
    )
    note = note_field()

    @property
    def tracking(self) -> dict[str, Any]:
        names = ("carrier", "tracking_number", "tracking_url", "note")
        return {name: self.cleaned_data[name] for name in names}


class PackForm(TrackingForm):
    """Units of each line that are still to be sent; shipped at once, or later."""

    ship_now = forms.BooleanField(
        label="Ship it now",
        required=False,
        initial=True,
        help_text="Otherwise it is packed now and shipped later.",
    )

    def prepare(self) -> None:
        left = units_left(self.order)
        lines = [line for line in self.order.lines.all() if left.get(line.pk)]
        quantities = {
            f"line_{line.pk}": forms.IntegerField(
                label=f"{line.sku} — {line.name}",
                min_value=0,
                max_value=left[line.pk],
                initial=left[line.pk],
                help_text=f"{left[line.pk]} left to send",
            )
            for line in lines
        }
        self.fields = quantities | self.fields

    @property
    def quantities(self) -> dict[int, int]:
        return {
            int(name.removeprefix("line_")): quantity
            for name, quantity in self.cleaned_data.items()
            if name.startswith("line_") and quantity
        }

    @transaction.atomic
    def change(self, ids: Ids, *, by: Actor) -> Outcome:
        """Both or neither: a parcel that cannot be shipped is not packed."""
        parcel = create_fulfillment(
            self.order, quantities=self.quantities, by=by, **self.tracking
        )
        if self.cleaned_data["ship_now"]:
            ship([parcel], by=by).one()
        return Outcome(changed=ids)


class ParcelForm(OneOrderForm):
    before: ClassVar[Fulfillment.Status] = Fulfillment.Status.PENDING

    field_order = ("parcel",)
    parcel = forms.ModelChoiceField(
        queryset=Fulfillment.objects.none(),
        empty_label=None,
        error_messages={"invalid_choice": "There is no such parcel to do this with."},
    )

    def prepare(self) -> None:
        parcel = self.fields["parcel"]
        assert isinstance(parcel, forms.ModelChoiceField)  # noqa: S101 - as declared
        parcel.queryset = self.order.fulfillments.filter(
            direction=Fulfillment.Direction.OUT, status=self.before
        )


class ShipForm(ParcelForm, TrackingForm):
    def change(self, ids: Ids, *, by: Actor) -> Outcome:  # noqa: ARG002 - its order
        return ship([self.cleaned_data["parcel"]], by=by, **self.tracking)


class DeliverForm(ParcelForm):
    before = Fulfillment.Status.SHIPPED
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:  # noqa: ARG002 - its order
        note = self.cleaned_data["note"]
        return deliver([self.cleaned_data["parcel"]], note=note, by=by)


class UnpackForm(ParcelForm):
    note = note_field()

    def change(self, ids: Ids, *, by: Actor) -> Outcome:  # noqa: ARG002 - its order
        note = self.cleaned_data["note"]
        return cancel_fulfillment([self.cleaned_data["parcel"]], note=note, by=by)
