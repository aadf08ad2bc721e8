"""Parcels: what leaves for the customer, and what comes back."""

from __future__ import annotations

import uuid

from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from .order import Order, OrderLine


class Fulfillment(models.Model):
    class Direction(models.TextChoices):
        OUT = "out", "To the customer"
        IN = "in", "From the customer"

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        SHIPPED = "shipped", "Shipped"
        DELIVERED = "delivered", "Delivered"
        REQUESTED = "requested", "Requested"
        RECEIVED = "received", "Received"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="fulfillments")
    direction = models.CharField(
        max_length=3, choices=Direction.choices, default=Direction.OUT
    )
    status = models.CharField(max_length=16, choices=Status.choices)
    carrier = models.CharField(max_length=64, blank=True, default="")
    tracking_number = models.CharField(max_length=128, blank=True, default="")
    tracking_url = models.CharField(
        max_length=500,
        blank=True,
        default="",
        validators=[URLValidator(schemes=["http", "https"])],
    )
    restock = models.BooleanField(
        default=False, help_text="Returned units go back into stock."
    )
    created_at = models.DateTimeField()
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    direction="out",
                    status__in=["pending", "shipped", "delivered", "cancelled"],
                )
                | Q(direction="in", status__in=["requested", "received", "cancelled"]),
                name="orders_fulfillment_status_fits_direction",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["shipped", "delivered"])
                | Q(shipped_at__isnull=False),
                name="orders_fulfillment_shipped_at",
            ),
            models.CheckConstraint(
                condition=~Q(status="delivered") | Q(delivered_at__isnull=False),
                name="orders_fulfillment_delivered_at",
            ),
            models.CheckConstraint(
                condition=Q(tracking_url="") | Q(tracking_url__regex="^https?://"),
                name="orders_fulfillment_tracking_url_is_web",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_direction_display()}, {self.get_status_display()}"


class FulfillmentLine(models.Model):
    # The unique constraint's index serves look-ups by fulfillment.
    fulfillment = models.ForeignKey(
        Fulfillment, models.PROTECT, related_name="lines", db_index=False
    )
    line = models.ForeignKey(
        OrderLine, models.PROTECT, related_name="fulfillment_lines"
    )
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ("fulfillment_id", "line_id")
        constraints = (
            models.UniqueConstraint(
                fields=["fulfillment", "line"],
                name="orders_fulfillmentline_line_once",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0),
                name="orders_fulfillmentline_quantity_positive",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"
