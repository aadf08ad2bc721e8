"""Runs of the tasks under test, and the messages that ring for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import current_app
from django.utils import timezone

from scheduling.models import Run
from tests.processes import OwnProcess, StartCelery

TASKS = "tests.scheduling.clock_tasks"


def make_run(task: str = "answer", **values: Any) -> Run:
    """Make a run that waits, by hand unless it has a slot."""
    now = timezone.now()
    has_slot = values.get("slot") is not None
    defaults: dict[str, Any] = {
        "name": task,
        "task": task if "." in task else f"{TASKS}.{task}",
        "trigger": Run.Trigger.SCHEDULE if has_slot else Run.Trigger.MANUAL,
        "created_at": now,
        "ring_after": now,
    }
    return Run.objects.create(**defaults | values)


def ring(run: Run, *, times: int = 1, **options: Any) -> None:
    """Send the message that beat sends for a run, once that is written down."""
    note_rung(run)
    send(run, times=times, **options)


def send(run: Run, *, times: int = 1, **options: Any) -> None:
    """Send a run's message and write nothing down."""
    slot: datetime | None = run.slot
    headers = {"run": str(run.pk)} | ({"slot": slot.isoformat()} if slot else {})
    for _ in range(times):
        current_app.send_task(
            run.task,
            run.args,
            run.kwargs,
            task_id=str(run.pk),
            headers=headers,
            retry=False,
            **options,
        )


def note_rung(run: Run) -> None:
    """Have a run rung for, as beat writes it down before it sends."""
    Run.objects.filter(pk=run.pk, rings=0).update(rings=1)


def start_worker(start_celery: StartCelery, *options: str) -> OwnProcess:
    """Start a worker that knows the tasks under test; wait until it takes messages."""
    worker = start_celery(
        "worker", "--include", TASKS, "--without-mingle", *(options or ("-c1",))
    )
    worker.wait_until_it_says(" ready.")
    return worker
