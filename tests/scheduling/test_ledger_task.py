"""What the task class does within one process; test_worker.py has the real ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Ignore, MaxRetriesExceededError, Retry
from django.utils import timezone

from scheduling.models import Run
from scheduling.registry import schedulable
from tests.scheduling.runs import make_run
from tests.scheduling.tasks_of_tests import own_registry

pytestmark = pytest.mark.django_db

app = Celery("tests", task_cls="scheduling.worker:LedgerTask", set_as_current=False)
TASK = "tests.body"


def run_of_the_clock(body: Callable[..., Any], **values: Any) -> Run:
    """Run a body as a worker would at the message of a run; return its row."""
    run = values.pop("run", None) or make_run(TASK, **values)
    _task(body).apply(
        run.args, run.kwargs, task_id=str(run.pk), headers={"run": str(run.pk)}
    )
    run.refresh_from_db()
    return run


def _task(body: Callable[..., Any]) -> Any:
    body.__name__ = "body"  # Celery cannot read the name of a lambda.
    app.tasks.pop(TASK, None)
    return app.task(name=TASK, bind=True, shared=False)(body)


def test_function_called_directly_is_a_function() -> None:
    task = _task(lambda self, number: (number, self.request.id))

    assert task(7) == (7, None)
    assert not Run.objects.exists()


def test_message_without_a_run_is_run_as_celery_runs_it() -> None:
    task = _task(lambda self: (self.request.id, self.request.called_directly))

    assert task.apply(task_id="by-hand").get() == ("by-hand", False)


def test_retry_of_a_message_without_a_run_is_celerys() -> None:
    def body(self: Any) -> int:
        if self.request.retries < 2:
            raise self.retry(countdown=0)
        return int(self.request.retries)

    assert _task(body).apply().get() == 2


def test_retry_called_directly_raises_as_celery_does() -> None:
    task = _task(lambda self: self.retry(exc=LookupError("gone")))

    with pytest.raises(LookupError, match="gone"):
        task()


def test_body_that_calls_its_own_function_is_at_work_once() -> None:
    def body(self: Any, depth: int = 0) -> int:
        return int(self(depth + 1)) if depth < 2 else depth

    run = run_of_the_clock(body)

    assert (run.state, run.attempts, run.result) == ("succeeded", 1, 2)


def test_message_that_comes_twice_is_ignored_the_second_time() -> None:
    calls: list[int] = []
    run = run_of_the_clock(lambda _self: calls.append(1))

    run_of_the_clock(lambda _self: calls.append(2), run=run)

    assert (calls, run.state, run.attempts) == ([1], "succeeded", 1)


def test_attempts_before_this_one_are_what_celery_calls_retries() -> None:
    run = run_of_the_clock(lambda self: self.request.retries, attempts=2, rings=1)

    assert (run.result, run.attempts) == (2, 3)


def test_arguments_arrive_as_the_annotations_have_them() -> None:
    def body(_self: Any, on: date, slot: datetime | None = None) -> list[str]:
        return [type(on).__name__, str(on), str(slot)]

    with own_registry():
        schedulable()(_task(body))
        run = run_of_the_clock(body, kwargs={"on": "2026-08-31"})

    assert run.result == ["date", "2026-08-31", "None"]


def test_retry_at_a_time_waits_until_then() -> None:
    then = timezone.now() + timedelta(hours=2)

    run = run_of_the_clock(lambda self: self.retry(eta=then))

    assert (run.state, run.error) == ("pending", "")
    assert run.ring_after is not None
    assert abs(run.ring_after - then) < timedelta(seconds=5)


def test_retry_without_a_time_waits_for_the_tasks_own_delay() -> None:
    run = run_of_the_clock(lambda self: self.retry())

    assert run.started_at is not None
    assert run.ring_after is not None
    assert (run.ring_after - run.started_at).total_seconds() == pytest.approx(
        180, abs=5
    )


def test_retry_that_is_not_thrown_counts_when_the_body_has_ended() -> None:
    def body(self: Any) -> str:
        later = self.retry(countdown=0, throw=False)
        assert isinstance(later, Ignore)
        assert Run.objects.get().state == "running"
        return "cleaned up"

    run = run_of_the_clock(body)

    assert (run.state, run.result) == ("pending", None)


def test_retry_that_the_body_catches_counts_all_the_same() -> None:
    def body(self: Any) -> None:
        try:
            self.retry(countdown=0)
        except Ignore:
            return

    assert run_of_the_clock(body).state == "pending"


def test_retry_exception_of_celerys_own_counts_too() -> None:
    def body(_self: Any) -> None:
        raise Retry("later", exc=LookupError("gone"), when=timezone.now())

    run = run_of_the_clock(body)

    assert (run.state, run.error) == ("pending", "LookupError: gone")


def test_retry_with_other_arguments_is_refused() -> None:
    run = run_of_the_clock(lambda self: self.retry(args=(1,)))

    assert run.state == "failed"
    assert (
        run.error == "TypeError: A run of the clock is retried with its own arguments."
    )


def test_retry_without_a_reason_says_that_the_attempts_are_used_up() -> None:
    run = run_of_the_clock(lambda self: self.retry(countdown=0), attempts=2, rings=1)

    assert (run.state, run.attempts) == ("failed", 3)
    assert run.error.startswith(MaxRetriesExceededError.__name__)
    assert "3 attempts" in run.error


def test_last_failure_shows_the_body_in_its_traceback() -> None:
    def body(self: Any) -> None:
        try:
            int("gone")
        except ValueError as error:
            self.retry(exc=error, countdown=0)

    run = run_of_the_clock(body, attempts=2, rings=1)

    assert (run.state, run.error) == (
        "failed",
        "ValueError: invalid literal for int() with base 10: 'gone'",
    )
    assert "in body" in run.traceback
    assert "worker.py" not in run.traceback


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_error_that_cannot_say_what_it_is_fails_the_run_by_its_kind() -> None:
    def body(_self: Any) -> None:
        raise MuteError

    run = run_of_the_clock(body)

    assert (run.state, run.error) == (
        "failed",
        "MuteError: <exception str() failed>",
    )


def test_end_of_a_run_that_was_taken_over_is_told_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def body(_self: Any) -> str:
        Run.objects.update(attempts=2)
        return "stale"

    with caplog.at_level(logging.WARNING, "scheduling.worker"):
        run = run_of_the_clock(body)

    assert (run.state, run.result) == ("running", None)
    assert "run_success_not_recorded" in caplog.text
