"""The form for a new order: a draft with its lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from orders.exceptions import InvalidInput
from orders.models import Order
from orders.services.drafting import (
    LARGEST_QUANTITY,
    LineDraft,
    OrderDraft,
    create_orders,
)

from .address import AddressField
from .inputs import instant_field, money_field, text_field
from .rights import actor

if TYPE_CHECKING:
    from django.http import QueryDict

EMPTY_ROWS = 3
MOST_LINES = 200
LINE_FIELD = re.compile(r"lines\[(\d+)\]\.(\w+)")


class DraftForm(forms.Form):
    customer_name = text_field("Customer", 200)
    customer_email = text_field("E-mail", 254)
    customer_reference = text_field("Customer's reference", 128)
    currency = text_field("Currency", 3, required=True, help_text="EUR, USD, JPY …")
    payment_mode = forms.ChoiceField(choices=Order.PaymentMode.choices)
    payment_due_at = instant_field(
        "Payment due", required=False, help_text="Empty: as set by the policies."
    )
    shipping_total = money_field("Shipping", initial=0)
    order_discount = money_field("Discount on the whole order", initial=0)
    order_tax = money_field("Tax in addition to that of the lines", initial=0)
    shipping_address = AddressField()
    billing_address = AddressField()

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()


class LineForm(forms.Form):
    sku = text_field("SKU", 64, required=True)
    name = text_field("Name", 255, required=True)
    quantity = forms.IntegerField(min_value=1, max_value=LARGEST_QUANTITY, initial=1)
    unit_price = money_field("Unit price")
    discount_total = money_field("Discount", initial=0)
    tax_total = money_field("Tax", initial=0)
    requires_shipping = forms.BooleanField(label="Ships", required=False, initial=True)


LineFormSet = forms.formset_factory(
    LineForm, extra=EMPTY_ROWS, max_num=MOST_LINES, absolute_max=MOST_LINES
)


def add_draft(request: HttpRequest, site: Mapping[str, Any]) -> HttpResponse:
    """Show the form of a new order, or make the draft and show that."""
    sent = _with_more_rows(request.POST) if request.method == "POST" else None
    form = DraftForm(sent, initial={"payment_mode": Order.PaymentMode.OFFLINE.value})
    lines = LineFormSet(sent, prefix="lines")
    if sent and "more" not in sent and form.is_valid() and lines.is_valid():
        order = _create(request, form, lines)
        if order:
            messages.success(request, f"Order {order} is a draft. Place it to open it.")
            return HttpResponseRedirect(
                reverse("admin:orders_order_change", args=[order.pk])
            )
    context = {**site, "title": "New order", "form": form, "lines": lines}
    return TemplateResponse(request, "orders/draft.html", context)


def _with_more_rows(sent: QueryDict) -> QueryDict:
    """Return what was sent; with more rows for lines, if that was asked for."""
    rows = sent.get("lines-TOTAL_FORMS", "")
    if "more" not in sent or not re.fullmatch(r"[0-9]{1,3}", rows):
        return sent
    more = sent.copy()
    more["lines-TOTAL_FORMS"] = str(min(int(rows) + EMPTY_ROWS, MOST_LINES))
    return more


def _create(
    request: HttpRequest, form: DraftForm, lines: forms.BaseFormSet[LineForm]
) -> Order | None:
    """Create the draft; None if the form has to be corrected."""
    filled = [line for line in lines if line.has_changed()]
    draft = OrderDraft(
        source=Order.Source.ADMIN,
        lines=[LineDraft(**line.cleaned_data) for line in filled],
        **form.cleaned_data,
    )
    try:
        (order,) = create_orders([draft], by=actor(request))
    except InvalidInput as error:
        _place_error(error, form, filled)
        return None
    return order


def _place_error(error: InvalidInput, form: DraftForm, lines: list[LineForm]) -> None:
    match = LINE_FIELD.fullmatch(error.field)
    if match:
        line, name = lines[int(match[1])], match[2]
        line.add_error(name if name in line.fields else None, error.problem)
    elif error.field in form.fields:
        form.add_error(error.field, error.problem)
    else:
        form.add_error(None, str(error))
