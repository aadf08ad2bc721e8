"""Start sweeps as tests need them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from orders import autoclose
from orders.models import Actor, AutoCloseRun, Order, Origin

SYSTEM = Actor.system(Origin.TASK)


def started(*, cutoff: datetime | None = None, **arguments: Any) -> AutoCloseRun:
    """Return a queued run, with another cut-off than this moment if need be."""
    run = autoclose.start_run(
        by=SYSTEM, trigger=AutoCloseRun.Trigger.MANUAL, **arguments
    )
    if cutoff:
        AutoCloseRun.objects.filter(pk=run.pk).update(cutoff=cutoff)
    return run


def sweep(**arguments: Any) -> dict[str, Any]:
    return autoclose.execute(started(**arguments))


def ago(**units: float) -> datetime:
    return timezone.now() - timedelta(**units)


def state_of(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.cancel_reason or order.close_reason
