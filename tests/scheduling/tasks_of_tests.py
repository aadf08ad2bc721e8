"""Tasks that stand beside the project's own while a test runs.

They belong to an application of their own, so that no worker has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

from scheduling import registry
from scheduling.registry import SchedulableTask, schedulable

PREFIX = "tests."

_app = Celery("tests", set_as_current=False)


@contextmanager
def own_registry() -> Iterator[None]:
    """Forget at the end what was marked in between."""
    registry.all_tasks()
    before = dict(registry._by_name)
    try:
        yield
    finally:
        registry._by_name.clear()
        registry._by_name.update(before)


def offered(function: Callable[..., Any], **options: Any) -> SchedulableTask:
    """Return a function as a task that staff may schedule, ``tests.`` and its name."""
    name = PREFIX + function.__name__
    # Celery keeps the first task of a name.
    _app.tasks.pop(name, None)
    schedulable(**options)(_app.task(name=name, shared=False)(function))
    task = registry.find(name)
    assert task is not None
    return task
