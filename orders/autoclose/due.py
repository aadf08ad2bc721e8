"""Which orders are due: the policies as conditions on an order's own row.

Deadlines are instants and the cut-off is one, so neither a time zone nor a
length of day enters. The sweep, its dry run and what each order says of itself
read the same conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Case, CharField, IntegerField, Q, Value, When

from orders.models import ClosePolicy, Order
from orders.models.order import held
from orders.models.policy import deciding
from orders.services.guards import Action, pending_payment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

Kind = ClosePolicy.Kind
KINDS = (Kind.UNPAID, Kind.COMPLETED, Kind.DRAFT)
BLOCKS = ("held", "exempt", "pending_payment", "open_return")

NO_MONEY = Q(authorized_total=0, captured_total=0, refunded_total=0)
#: Worded as the partial indexes on Order are, so that PostgreSQL uses them.
STATES = {
    Kind.UNPAID: Q(status=Order.Status.OPEN, grand_total__gt=0, qty_fulfilled=0)
    & NO_MONEY,
    Kind.COMPLETED: Q(status=Order.Status.OPEN, completed_at__isnull=False),
    Kind.DRAFT: Q(status=Order.Status.DRAFT) & NO_MONEY,
}
CLOCKS = {
    Kind.UNPAID: "payment_due_at",
    Kind.COMPLETED: "completed_at",
    Kind.DRAFT: "updated_at",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One enabled policy row, over the orders on which it decides."""

    policy: ClosePolicy
    decides: Q

    @property
    def kind(self) -> ClosePolicy.Kind:
        return Kind(self.policy.kind)

    @property
    def clock(self) -> str:
        """The column that the policy counts from."""
        return CLOCKS[self.kind]

    @property
    def delay(self) -> timedelta:
        """What is waited beyond the clock; ``after`` is in a due date already."""
        unpaid = self.kind == Kind.UNPAID
        return self.policy.grace if unpaid else self.policy.after

    @property
    def action(self) -> Action:
        return Action.CLOSE if self.kind == Kind.COMPLETED else Action.CANCEL

    def due(self, cutoff: datetime) -> Q:
        """Return the condition that the deadline is reached, blocked or not."""
        return self.decides & Q((f"{self.clock}__lte", cutoff - self.delay))

    def blocks(self, cutoff: datetime) -> dict[str, Q]:
        """Return what keeps an order that is due from being closed, by name."""
        pending = pending_payment(since=self.pending_since(cutoff))
        return {
            "held": held(cutoff),
            "exempt": Q(automation_exempt=True),
            "pending_payment": pending.blocks,
            "open_return": Q(returns_open__gt=0),
        }

    def pending_since(self, cutoff: datetime) -> datetime:
        """Return the instant before which a pending payment is given up on."""
        return cutoff - self.policy.pending_wait

    def first_block(self, cutoff: datetime) -> Case:
        """Return the name of the first block, or ''."""
        return Case(
            *(
                When(condition, then=Value(name))
                for name, condition in self.blocks(cutoff).items()
            ),
            default=Value(""),
            output_field=CharField(),
        )

    def candidates(self, cutoff: datetime) -> Q:
        """Return the condition that an order is to be closed now."""
        condition = self.due(cutoff)
        for block in self.blocks(cutoff).values():
            condition &= ~block
        return condition


def load_rules(kinds: Collection[str] = KINDS) -> list[Rule]:
    """Return a rule for each enabled policy, in the order of a sweep."""
    return [
        Rule(policy, STATES[kind] & decides)
        for kind in KINDS
        if kind in kinds
        for policy, decides in deciding(
            ClosePolicy.objects.filter(kind=kind).most_specific_first()
        )
        if policy.enabled
    ]


@dataclass(frozen=True, slots=True)
class AutoClose:
    """What a policy will do to an order, and when; ``blocked_by`` says why not."""

    policy: str
    action: str
    due_at: datetime
    blocked_by: tuple[str, ...]


def auto_close_of(
    orders: Iterable[Order | UUID], *, now: datetime
) -> dict[UUID, AutoClose | None]:
    """Return what the sweep will do to each order; None: nothing, as it is now.

    One query for the policies of each kind, one for the orders.
    """
    ids = [order.pk if isinstance(order, Order) else order for order in orders]
    rules = load_rules()
    rows = Order.objects.filter(pk__in=ids).values_list(
        "pk",
        Case(
            *(When(rule.decides, then=Value(i)) for i, rule in enumerate(rules)),
            default=None,
            output_field=IntegerField(null=True),
        ),
        *CLOCKS.values(),
        *(_blocked(rules, name, now) for name in BLOCKS),
    )
    return {
        pk: _describe(None if index is None else rules[index], row)
        for pk, index, *row in rows
    }


def _blocked(rules: Iterable[Rule], name: str, now: datetime) -> Case:
    return Case(
        *(
            When(rule.decides & rule.blocks(now)[name], then=Value(True))
            for rule in rules
        ),
        default=Value(False),
    )


def _describe(rule: Rule | None, row: list[object]) -> AutoClose | None:
    clocks = dict(zip(CLOCKS, row, strict=False))
    blocked = row[len(CLOCKS) :]
    start = clocks[rule.kind] if rule else None
    if rule is None or not isinstance(start, datetime):
        return None
    return AutoClose(
        policy=str(rule.policy),
        action=rule.action.value,
        due_at=start + rule.delay,
        blocked_by=tuple(
            name for name, is_blocked in zip(BLOCKS, blocked, strict=True) if is_blocked
        ),
    )
