"""When old orders are closed: policies that staff keep."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from .order import Order

if TYPE_CHECKING:
    from collections.abc import Iterable

CENTURY = timedelta(days=36500)


class ClosePolicyQuerySet(models.QuerySet["ClosePolicy"]):
    def most_specific_first(self) -> list[ClosePolicy]:
        """Return the rows in the order in which the first match wins.

        A payment mode outranks a source, and either outranks "any".
        """
        return sorted(
            self,
            key=lambda policy: (
                policy.match_payment_mode == "",
                policy.match_source == "",
                policy.pk,
            ),
        )


class ClosePolicy(models.Model):
    """How long orders of one kind may stay as they are.

    Of the rows of a kind the most specific that matches an order decides,
    enabled or not: a disabled row means "never".
    """

    class Kind(models.TextChoices):
        UNPAID = "unpaid", "Unpaid: cancel"
        COMPLETED = "completed", "Completed: close"
        DRAFT = "draft", "Draft: cancel"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    match_source = models.CharField(
        max_length=16, choices=Order.Source.choices, blank=True, default=""
    )
    match_payment_mode = models.CharField(
        max_length=16, choices=Order.PaymentMode.choices, blank=True, default=""
    )
    enabled = models.BooleanField(
        default=True, help_text="A disabled policy means never, for what it matches."
    )
    after = models.DurationField(
        help_text=(
            "Completed, draft: how long it may stay so. Unpaid: sets the due date "
            "of orders placed from now on."
        )
    )
    grace = models.DurationField(
        default=timedelta(0),
        help_text="Unpaid: waited beyond the due date. Applies at once.",
    )
    pending_wait = models.DurationField(
        default=timedelta(days=7),
        help_text="A pending payment blocks closing for so long.",
    )
    notify_customer = models.BooleanField(default=False)
    surge_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=(
            "More candidates than this need approval. Empty: 500, or a fifth of the "
            "open orders where that is more."
        ),
    )

    objects = ClosePolicyQuerySet.as_manager()

    class Meta:
        ordering = ("kind", "match_payment_mode", "match_source")
        verbose_name_plural = "close policies"
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "match_source", "match_payment_mode"],
                name="orders_closepolicy_match_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["unpaid", "completed", "draft"]),
                name="orders_closepolicy_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    after__gte=timedelta(0),
                    grace__gte=timedelta(0),
                    pending_wait__gte=timedelta(0),
                ),
                name="orders_closepolicy_durations_not_negative",
            ),
            # Beyond it lie dates that Python has not.
            models.CheckConstraint(
                condition=Q(
                    after__lte=CENTURY, grace__lte=CENTURY, pending_wait__lte=CENTURY
                ),
                name="orders_closepolicy_durations_within_a_century",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}, {self.match_label}"

    @property
    def match_label(self) -> str:
        parts = [self.match_payment_mode, self.match_source]
        return " ".join(part for part in parts if part) or "any order"

    def matches(self) -> Q:
        """Return the condition that an order is one this row speaks of."""
        condition = Q()
        if self.match_source:
            condition &= Q(source=self.match_source)
        if self.match_payment_mode:
            condition &= Q(payment_mode=self.match_payment_mode)
        return condition


def deciding(policies: Iterable[ClosePolicy]) -> list[tuple[ClosePolicy, Q]]:
    """Return each policy with the condition that it decides on an order.

    ``policies`` are the rows of one kind, the most specific first: each decides
    on what it matches and no row before it does. Plain comparisons rather than
    one CASE, whose selectivity PostgreSQL cannot estimate.
    """
    conditions = []
    earlier = Q()
    for policy in policies:
        conditions.append((policy, policy.matches() & ~earlier))
        earlier |= policy.matches()
    return conditions
