"""The order's timeline: history, audit and outbox in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import models

from .order import Order

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class Origin(models.TextChoices):
    """The door through which a change came."""

    ADMIN = "admin", "Admin"
    API = "api", "API"
    TASK = "task", "Task"
    COMMAND = "command", "Command"
    IMPORT = "import", "Import"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change, and through which door.

    Kept on events as text: the trail outlives the account.
    """

    class Kind(models.TextChoices):
        USER = "user", "User"
        API_CLIENT = "api_client", "API client"
        SYSTEM = "system", "System"

    kind: str
    origin: str
    id: str = ""
    label: str = ""
    run_id: str = ""
    request_id: str = ""

    @classmethod
    def system(cls, origin: Origin) -> Actor:
        return cls(kind=cls.Kind.SYSTEM, origin=origin, label="system")

    @classmethod
    def user(cls, user: AbstractBaseUser, origin: Origin) -> Actor:
        return cls(
            kind=cls.Kind.USER,
            origin=origin,
            id=str(user.pk),
            label=user.get_username(),
        )


class OrderEvent(models.Model):
    """One thing that happened to an order. Never changed, never deleted.

    ``data`` holds ``{"changes": {field: [old, new]}, …}``; of a personal field
    it names the field alone, with null for its value.
    """

    class Type(models.TextChoices):
        CREATED = "order.created", "Created"
        UPDATED = "order.updated", "Updated"
        PLACED = "order.placed", "Placed"
        CANCELLED = "order.cancelled", "Cancelled"
        CLOSED = "order.closed", "Closed"
        REOPENED = "order.reopened", "Reopened"
        REINSTATED = "order.reinstated", "Reinstated"
        HELD = "order.held", "Held"
        RELEASED = "order.released", "Released"
        PAYMENT_DUE_CHANGED = "order.payment_due_changed", "Due date changed"
        UNITS_CANCELLED = "order.units_cancelled", "Units cancelled"
        ATTENTION_RESOLVED = "order.attention_resolved", "Attention resolved"
        ERASED = "order.erased", "Customer erased"
        PAID = "order.paid", "Paid"
        PAID_AFTER_CANCELLATION = (
            "order.paid_after_cancellation",
            "Paid after cancellation",
        )
        PAYMENT_RECORDED = "payment.recorded", "Payment recorded"
        PAYMENT_SUCCEEDED = "payment.succeeded", "Payment succeeded"
        PAYMENT_FAILED = "payment.failed", "Payment failed"
        FULFILLMENT_CREATED = "fulfillment.created", "Fulfillment created"
        FULFILLMENT_SHIPPED = "fulfillment.shipped", "Shipped"
        FULFILLMENT_DELIVERED = "fulfillment.delivered", "Delivered"
        FULFILLMENT_CANCELLED = "fulfillment.cancelled", "Fulfillment cancelled"
        RETURN_REQUESTED = "return.requested", "Return requested"
        RETURN_RECEIVED = "return.received", "Return received"
        NOTE_ADDED = "note.added", "Note"
        TAG_CHANGED = "tag.changed", "Tags changed"
        MAIL_SENT = "mail.sent", "Mail sent"
        STOCK_RELEASED = "stock.released", "Stock released"

    # The unique constraint's index serves look-ups by order.
    order = models.ForeignKey(
        Order, models.PROTECT, related_name="events", db_index=False
    )
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=40, choices=Type.choices)
    occurred_at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16, choices=Actor.Kind.choices)
    actor_id = models.CharField(max_length=64, blank=True, default="")
    actor_label = models.CharField(max_length=200, blank=True, default="")
    run_id = models.CharField(max_length=64, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    origin = models.CharField(max_length=16, choices=Origin.choices)
    data = models.JSONField(default=dict)
    note = models.TextField(blank=True, default="")
    dedupe_key = models.CharField(
        max_length=200, blank=True, default="", help_text="Empty: may happen again."
    )

    class Meta:
        ordering = ("order_id", "seq")
        constraints = (
            models.UniqueConstraint(
                fields=["order", "seq"], name="orders_orderevent_seq_once"
            ),
            models.UniqueConstraint(
                fields=["dedupe_key"],
                condition=~models.Q(dedupe_key=""),
                name="orders_orderevent_dedupe_key_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} ({self.seq})"
