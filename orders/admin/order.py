"""Orders: the list, the page of one, and the road to every change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html

from orders.models import Order
from orders.templatetags import desk
from scheduling.admin.records import PageAdmin
from scheduling.templatetags.clock import BUSY, NOTHING, badge

from .asking import MOST_AT_ONCE, answer, ask
from .draft import add_draft
from .filters import ORDER_FILTERS
from .order_page import describe_order
from .rights import may
from .search import search_orders
from .transitions import TRANSITIONS, Transition

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.safestring import SafeString

#: As Django's declaration has it; an action that answers with a page is as good.
Action = tuple[Callable[..., Any], str, str]


@admin.register(Order)
class OrderAdmin(PageAdmin):
    page_template = "orders/order.html"
    view_rights = ("view_order", "change_order")
    list_display = (
        "shown_number",
        "shown_placed_at",
        "customer",
        "total",
        "shown_status",
        "payment",
        "fulfillment",
        "due",
        "shown_tags",
        "needs",
    )
    list_filter = ORDER_FILTERS
    ordering = ("-number",)
    # Shows the search box; search_orders decides what is found.
    search_fields = ("number",)
    search_help_text = "Number, e-mail, name, reference or SKU"
    change_list_template = "orders/order_list.html"
    actions_on_bottom = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "change_order")

    # The list ------------------------------------------------------------------

    @admin.display(description="number", ordering="number")
    def shown_number(self, order: Order) -> str:
        return str(order)

    @admin.display(description="placed", ordering="placed_at")
    def shown_placed_at(self, order: Order) -> str:
        return desk.day(order.placed_at)

    @admin.display(description="customer")
    def customer(self, order: Order) -> str:
        return order.customer_name or order.customer_email or NOTHING

    @admin.display(description="total", ordering="grand_total")
    def total(self, order: Order) -> SafeString:
        amount = desk.money(order.grand_total, order.currency)
        return format_html('<span class="amount">{}</span>', amount)

    @admin.display(description="status")
    def shown_status(self, order: Order) -> SafeString:
        status = desk.order_badge(order)
        if not order.is_held(timezone.now()):
            return status
        return format_html("{} {}", status, badge("Held", BUSY))

    @admin.display(description="payment")
    def payment(self, order: Order) -> SafeString:
        return desk.payment_badge(order)

    @admin.display(description="fulfilment")
    def fulfillment(self, order: Order) -> SafeString:
        return desk.fulfillment_badge(order)

    @admin.display(description="due", ordering="payment_due_at")
    def due(self, order: Order) -> str:
        return desk.day(order.payment_due_at)

    @admin.display(description="tags")
    def shown_tags(self, order: Order) -> str:
        return ", ".join(order.tags) or NOTHING

    @admin.display(description="attention")
    def needs(self, order: Order) -> str:
        return desk.attention_labels(order) or NOTHING

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Order],
        search_term: str,
    ) -> tuple[QuerySet[Order], bool]:
        return search_orders(queryset, search_term), False

    def get_actions(self, request: HttpRequest) -> dict[str, Action | None]:
        if not self.has_view_permission(request):
            return {}
        return {
            one.name: (partial(_ask_about_many, one), one.name, one.label)
            for one in TRANSITIONS.values()
            if one.many and one.permitted(request.user)
        }

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse | None:
        """Carry out an action; refuse a selection that is not a list of keys."""
        key = Order._meta.pk  # noqa: SLF001 - Django's public API
        try:
            for value in request.POST.getlist(ACTION_CHECKBOX_NAME):
                key.to_python(value)
        except ValidationError:
            messages.error(request, "Select the orders again.")
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)

    # One order -----------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.transition_view)
        mine = path("transition/<slug:name>/", view, name="orders_order_transition")
        return [mine, *super().get_urls()]

    def describe(self, request: HttpRequest, record: Order) -> dict[str, Any]:
        whole = request.GET.get("timeline") == "all"
        about = describe_order(record, request.user, whole_timeline=whole)
        return about | {"title": f"Order {record}"}

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Make a draft by hand."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        site = self.admin_site.each_context(request)
        return add_draft(request, site | (extra_context or {}))

    def transition_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask before a transition of one order (GET), or carry it out (POST)."""
        transition = TRANSITIONS.get(name)
        if transition is None:
            raise Http404
        if not transition.permitted(request.user) or not self.has_view_permission(
            request
        ):
            raise PermissionDenied
        site = self.admin_site.each_context(request)
        if request.method == "POST":
            return answer(request, transition, site)
        order = self.get_object(request, request.GET.get("order", ""))
        if order is None:
            return self.show_unknown(request)
        return ask(request, transition, [order], site)


def _ask_about_many(
    transition: Transition,
    model_admin: OrderAdmin,
    request: HttpRequest,
    orders: QuerySet[Order],
) -> HttpResponse:
    """Show the page that asks before a transition of the chosen orders."""
    # Where units are scarce, the order that came first gets them.
    chosen = list(orders.order_by("number")[: MOST_AT_ONCE + 1])
    if len(chosen) > MOST_AT_ONCE:
        messages.error(request, f"Choose at most {MOST_AT_ONCE:,} orders at a time.")
        return HttpResponseRedirect(request.get_full_path())
    site = model_admin.admin_site.each_context(request)
    return ask(
        request, transition, chosen, site, back=request.META.get("QUERY_STRING", "")
    )
