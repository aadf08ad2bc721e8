"""Real orders in, beat at the minute that staff set, and the old ones closed."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.conftest import ORDERS
from tests.e2e.stack import Stack

SCHEDULES = "/admin/django_celery_beat/periodictask/"
SWEEPS = "/admin/orders/autocloserun/"


def counts(stack: Stack) -> dict[str, int]:
    """Return how many real orders are in each state, and how many events closed one."""
    return dict(
        json.loads(
            stack.shell(
                "import json\n"
                "from collections import Counter\n"
                "from orders.models import Order, OrderEvent\n"
                "orders = Order.objects.filter(channel='superstore')\n"
                "states = Counter(orders.values_list('status', flat=True))\n"
                "closings = OrderEvent.objects.filter(order__in=orders,"
                " type='order.closed')\n"
                "states['closings'] = closings.count()\n"
                "states['by_system'] = closings.filter(actor_label='system').count()\n"
                "print(json.dumps(states))"
            )
        )
    )


def last_sweep(stack: Stack) -> dict[str, Any]:
    """Return the newest sweep's row."""
    return dict(
        json.loads(
            stack.shell(
                "import json\n"
                "from orders.models import AutoCloseRun as R\n"
                "run = R.objects.first()\n"
                "print(json.dumps({'id': str(run.pk), 'state': run.state,"
                " 'trigger': run.trigger, 'summary': run.summary} if run else {}))"
            )
        )
    )


def schedule_for_the_next_minute(admin: Browser) -> None:
    """Let the nightly schedule come at the minute that comes, as its form says it."""
    at = datetime.now(UTC) + timedelta(seconds=65)
    schedules = admin.get(f"{SCHEDULES}?q=Close+old+orders").text
    schedule = re.search(r"/periodictask/(\d+)/change/", schedules)
    assert schedule, schedules[:2000]
    page = admin.post(
        f"{SCHEDULES}{schedule[1]}/change/",
        {"minute": str(at.minute), "hour": str(at.hour), "zone": "UTC"},
    )
    assert "was changed" in page.text, page.text[:2000]


def adds_up(policy: dict[str, Any]) -> bool:
    parts = ("changed", "skipped_locked", "no_longer_due", "failed", "remaining")
    return bool(policy["candidates"] == sum(policy[part] for part in parts))


@pytest.mark.usefixtures("real_orders")
def test_beat_starts_the_sweep_and_an_approval_closes_every_order_once(
    stack: Stack, admin: Browser
) -> None:
    assert counts(stack)["open"] == ORDERS

    schedule_for_the_next_minute(admin)
    stack.wait_for(lambda: last_sweep(stack).get("state") == "needs_approval")

    waiting = last_sweep(stack)
    assert waiting["trigger"] == "schedule"
    assert waiting["summary"]["policies"]["completed"]["candidates"] == ORDERS
    assert counts(stack)["open"] == ORDERS

    sweep = f"{SWEEPS}{waiting['id']}/"
    page = admin.post(f"{sweep}change/", {}, to=f"{sweep}approve/")
    assert page.status == 200, page.text[:2000]
    stack.wait_for(lambda: last_sweep(stack).get("state") == "completed")

    summary = last_sweep(stack)["summary"]
    assert summary["changed"] == ORDERS
    assert all(adds_up(policy) for policy in summary["policies"].values())
    assert counts(stack) == {"closed": ORDERS, "closings": ORDERS, "by_system": ORDERS}
    again = json.loads(stack.manage("auto_close_old_orders"))
    assert (again["state"], again["changed"]) == ("completed", 0)


def test_only_the_overdue_are_cancelled_and_their_stock_is_free(
    stack: Stack, real_orders: str
) -> None:
    script = (Path(__file__).parent / "unpaid_set.py").read_text("utf-8")
    stack.exec(
        "web", "python", "manage.py", "shell", "--command", script, stdin=real_orders
    )

    summary = json.loads(stack.manage("auto_close_old_orders", "--approve"))

    left = json.loads(
        stack.shell(
            "import json\n"
            "from django.db.models import F, Sum\n"
            "from orders.models import Order, OrderLine, StockItem\n"
            "second = Order.objects.filter(channel='unpaid set')\n"
            "overdue = second.filter(payment_due_at__lt=F('updated_at'),"
            " captured_total=0, grand_total__gt=0)\n"
            "gone = second.filter(status='cancelled')\n"
            "lines = OrderLine.objects.filter(order__in=second)\n"
            "kept = lines.filter(order__status='open').aggregate(n=Sum('quantity'))\n"
            "print(json.dumps({\n"
            "  'cancelled': gone.count(),\n"
            "  'overdue': overdue.count(),\n"
            "  'both': (gone & overdue).count(),\n"
            "  'open': second.filter(status='open').count(),\n"
            "  'reserved': StockItem.objects.aggregate(n=Sum('reserved'))['n'],\n"
            "  'kept': kept['n'],\n"
            "}))"
        )
    )
    assert summary["policies"]["unpaid"]["changed"] == left["cancelled"] > 0
    assert left["cancelled"] == left["overdue"] == left["both"]
    assert left["cancelled"] + left["open"] == ORDERS
    assert left["reserved"] == left["kept"]
