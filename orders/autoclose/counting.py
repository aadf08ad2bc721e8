"""Count what a run would close, and decide how much of it the run may close.

The sweep, its dry run and the forecast share this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from orders.exceptions import RejectedByDatabase
from orders.models import AutoCloseRun, Order
from orders.services.transition import Outcome

from .due import Rule, load_rules

MOST_FAILURES = 50
SMALLEST_SURGE = 500


@dataclass
class Tally:
    """What became of the candidates of one policy row."""

    rule: Rule
    candidates: int = 0
    cap: int = 0
    needs_approval: bool = False
    changed: int = 0
    skipped_locked: int = 0
    no_longer_due: int = 0
    failed: int = 0
    blocked: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, str]] = field(default_factory=list)
    locked: list[UUID] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count what became of a batch, except for the orders that were locked."""
        self.changed += len(outcome.changed)
        for pk, refusal in outcome.refused.items():
            if isinstance(refusal, RejectedByDatabase):
                self.failed += 1
                self.errors.append({"order": str(pk), "error": str(refusal)})
            else:
                self.no_longer_due += 1

    @property
    def gave_up(self) -> bool:
        return self.failed >= MOST_FAILURES

    @property
    def seen(self) -> int:
        return self.done + len(self.locked)

    @property
    def done(self) -> int:
        return self.changed + self.skipped_locked + self.no_longer_due + self.failed

    @property
    def remaining(self) -> int:
        return self.candidates - self.done


def count_candidates(run: AutoCloseRun) -> Iterator[Tally]:
    """Count each policy's candidates, and decide how many the run may close.

    Reads only; the run need not be saved. A query for each kind and policy row.
    """
    open_orders = Order.objects.filter(status=Order.Status.OPEN).count()
    left = run.limit
    for rule in load_rules(run.kinds):
        tally = Tally(rule)
        _count_due(tally, run.cutoff)
        allowed = _allowed(run, tally, open_orders)
        tally.needs_approval = bool(tally.candidates) and not allowed
        # A dry run counts what would be changed once approved.
        tally.cap = tally.candidates if run.dry_run else allowed
        if left is not None:
            tally.cap = min(tally.cap, left)
            left -= tally.cap
        yield tally


def _count_due(tally: Tally, cutoff: datetime) -> None:
    rows = (
        Order.objects.filter(tally.rule.due(cutoff))
        .values_list(tally.rule.first_block(cutoff))
        .annotate(count=Count("*"))
        .order_by()
    )
    counts = dict(rows)
    tally.candidates = counts.pop("", 0)
    tally.blocked.update(counts)


def _allowed(run: AutoCloseRun, tally: Tally, open_orders: int) -> int:
    """Return how many candidates a policy row may close without being asked again."""
    policy = tally.rule.policy
    surge = policy.surge_limit
    if surge is None:
        surge = max(SMALLEST_SURGE, open_orders // 5)
    small_limit = run.limit is not None and run.limit <= surge
    if run.approve_all or tally.candidates <= surge or small_limit:
        return tally.candidates
    allowance: int = run.allowances.get(str(policy.pk), 0)
    return min(tally.candidates, allowance)
