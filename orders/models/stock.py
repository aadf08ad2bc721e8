"""What is on the shelves, and what of it is promised."""

from __future__ import annotations

from django.db import models


class StockItem(models.Model):
    """One tracked SKU. A SKU without a row is not tracked."""

    sku = models.CharField("SKU", max_length=64, unique=True)
    on_hand = models.PositiveIntegerField(default=0)
    reserved = models.PositiveIntegerField(default=0, editable=False)
    allow_backorder = models.BooleanField(
        default=False, help_text="Orders may reserve more than is on hand."
    )

    class Meta:
        ordering = ("sku",)

    def __str__(self) -> str:
        return self.sku

    @property
    def available(self) -> int:
        """Units that may still be reserved; negative when backordered."""
        return self.on_hand - self.reserved
