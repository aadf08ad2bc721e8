"""Stock: what is on hand of each tracked SKU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from orders.models import StockItem
from orders.services.stock import adjust_stock, lock_stock
from scheduling.admin.records import RecordAdmin

if TYPE_CHECKING:
    from django.http import HttpRequest


class StockForm(forms.ModelForm):  # type: ignore[type-arg] # as RecordAdmin
    """Refuses a count that was read before units were shipped or counted again."""

    class Meta:
        model = StockItem
        fields = ("sku", "on_hand", "allow_backorder")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "on_hand" in self.fields and self.instance.pk:
            self.fields["on_hand"].show_hidden_initial = True

    def clean(self) -> dict[str, Any]:
        """Compare under the row's lock, which is kept until the count is written."""
        super().clean()
        if self.instance.pk and not self.errors:
            sku = self.instance.sku
            now = lock_stock([sku])[sku].on_hand
            seen = self.data.get(self.add_initial_prefix("on_hand"))
            if seen != str(now):
                raise ValidationError(
                    f"There are now {now} on hand, not {seen} as this page showed:"
                    " open it again before you change the count."
                )
        return self.cleaned_data


@admin.register(StockItem)
class StockItemAdmin(RecordAdmin):
    change_right = "change_stockitem"
    view_rights = ("view_stockitem", change_right)
    form = StockForm
    list_display = ("sku", "on_hand", "reserved", "available", "allow_backorder")
    sortable_by = ("sku",)
    search_fields = ("sku",)
    search_help_text = "SKU"
    readonly_fields = ("reserved", "available")

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: StockItem | None = None,
    ) -> tuple[str, ...]:
        """Keep the SKU: lines of orders name it."""
        return ("sku", *self.readonly_fields) if obj else self.readonly_fields

    @admin.display(description="available")
    def available(self, item: StockItem) -> int:
        return item.available

    def save_model(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: StockItem,
        form: forms.ModelForm[StockItem],  # noqa: ARG002 - as above
        change: bool,  # noqa: ARG002, FBT001 - as above
    ) -> None:
        item = adjust_stock(
            obj.sku, on_hand=obj.on_hand, allow_backorder=obj.allow_backorder
        )
        obj.pk = item.pk
