"""The ledger of what providers and staff report about money."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from .event import Actor
from .order import Order, amount_field


class Payment(models.Model):
    """One movement of money, as it was reported.

    A row is never deleted, and only ``pending`` may become ``succeeded`` or
    ``failed``; a database trigger holds both.
    """

    class Kind(models.TextChoices):
        AUTHORIZATION = "authorization", "Authorization"
        CAPTURE = "capture", "Capture"
        VOID = "void", "Void"
        REFUND = "refund", "Refund"
        CHARGEBACK = "chargeback", "Chargeback"
        CHARGEBACK_REVERSED = "chargeback_reversed", "Chargeback reversed"

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payments")
    kind = models.CharField(max_length=32, choices=Kind.choices)
    status = models.CharField(max_length=16, choices=Status.choices)
    amount = amount_field()
    currency = models.CharField(max_length=3)
    provider = models.CharField(max_length=64, blank=True, default="")
    provider_reference = models.CharField(
        max_length=128,
        blank=True,
        default="",
        help_text="Names one movement at the provider.",
    )
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        help_text="The movement that this one captures, voids or gives back.",
    )
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16, choices=Actor.Kind.choices)
    actor_id = models.CharField(max_length=64, blank=True, default="")
    actor_label = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ("occurred_at", "created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["provider", "kind", "provider_reference"],
                condition=~Q(provider_reference=""),
                name="orders_payment_reference_once",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="orders_payment_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "succeeded", "failed"]),
                name="orders_payment_status_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "authorization",
                        "capture",
                        "void",
                        "refund",
                        "chargeback",
                        "chargeback_reversed",
                    ]
                ),
                name="orders_payment_kind_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} {self.currency}"
