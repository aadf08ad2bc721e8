"""The task class of the app: a message of the clock's is claimed before it is run.

Such a message names its run in a header. All others, from `.delay()` for one, run as
Celery runs them.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from celery.contrib.django.task import DjangoTask
from celery.exceptions import (
    Ignore,
    MaxRetriesExceededError,
    Reject,
    Retry,
    SoftTimeLimitExceeded,
)
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from scheduling import ledger, progress, registry
from scheduling.ledger import Claim

logger = logging.getLogger(__name__)

RUN_HEADER = "run"
SLOT_HEADER = "slot"

#: How long the end of a run waits for a database that is away. Longer than a lease:
#: while the database is away, nobody can take the run back.
PATIENCE = timedelta(minutes=10)
LONGEST_PAUSE_SECONDS = 2.0
TOOK_TOO_LONG = "It was stopped: its time limit was reached."


class RetryLater(Ignore):
    """Raised by `retry()` in a run of the clock; ``exc`` is why."""

    def __init__(self, after: timedelta, exc: BaseException | None) -> None:
        super().__init__(f"Retry in {after}")
        self.after = after
        self.exc = exc


@dataclass(slots=True)
class _Body:
    """A body at work under a claim, and whether it has asked for another attempt."""

    claim: Claim
    retry: RetryLater | None = None


_at_work: ContextVar[_Body | None] = ContextVar("scheduling.worker", default=None)


class LedgerTask(DjangoTask[..., Any]):
    """A task whose runs by the clock are written down by the worker that has them.

    The end is recorded in here: what Celery's `on_success` raises, it swallows.
    """

    abstract = True
    Request = "scheduling.leases:LedgerRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the body's
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        run_id = self._header(RUN_HEADER)
        # A body that calls its own task's function is at work already.
        if run_id is None or _at_work.get():
            return self.run(*args, **kwargs)
        process = ledger.process_name(self.request.hostname or "", os.getpid())
        claim = _claim(UUID(run_id), process)
        self.request.retries = claim.attempts - 1
        return self._run_under(claim, args, kwargs)

    def retry(
        self,
        args: Any = None,  # noqa: ANN401 - whatever Celery takes
        kwargs: Any = None,  # noqa: ANN401 - as above
        exc: Exception | None = None,
        throw: bool = True,  # noqa: FBT001, FBT002 - Celery's signature
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,  # noqa: ANN401 - as above
    ) -> Any:  # noqa: ANN401 - a RetryLater or a Retry
        """Ask for another attempt; in a run of the clock, of the same row.

        It is rung again once the body has ended, with its own arguments, and as often
        as its schedule's ``max_attempts`` allow. Everywhere else this is Celery's.
        """
        body = _at_work.get()
        if body is None:
            return super().retry(
                args, kwargs, exc, throw, eta, countdown, max_retries, **options
            )
        if args is not None or kwargs is not None:
            raise TypeError("A run of the clock is retried with its own arguments.")
        body.retry = RetryLater(self._wait(eta, countdown), exc)
        if throw:
            raise body.retry
        return body.retry

    def _header(self, name: str) -> str | None:
        return (self.request.headers or {}).get(name)

    def _wait(self, eta: datetime | None, countdown: float | None) -> timedelta:
        if eta is not None:
            return max(eta - datetime.now(UTC), timedelta(0))
        if countdown is None:
            countdown = self.default_retry_delay
        return timedelta(seconds=countdown)

    def _wait_of(self, retry: Retry) -> timedelta:
        """Return what a body asks for that raises Celery's own exception."""
        when: Any = retry.when
        if isinstance(when, datetime):
            return self._wait(when, None)
        return self._wait(None, when)

    def _received(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as the body's annotations have them, and the slot."""
        task = registry.find(self.name)
        if task is None:
            return kwargs
        if task.takes_slot:
            kwargs = kwargs | {registry.SLOT: self._header(SLOT_HEADER)}
        return task.received(kwargs)

    def _run_under(
        self, claim: Claim, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # noqa: ANN401 - the body's
        body = _Body(claim)
        token = _at_work.set(body)
        try:
            with progress.of(claim):
                result = self.run(*args, **self._received(kwargs))
        except RetryLater as later:
            _try_again(claim, later)
        except Retry as retry:
            _try_again(claim, RetryLater(self._wait_of(retry), retry.exc))
        except Reject as reject:
            _reject(claim, reject)
        except Ignore:
            _succeed(claim, None)
            raise
        except Exception as error:
            _fail(claim, error)
            raise
        finally:
            _at_work.reset(token)
        if body.retry is not None:
            _try_again(claim, body.retry)
        _succeed(claim, result)
        return result


def _claim(run_id: UUID, process: str) -> Claim:
    """Claim a run; raises Ignore where this message has no claim to it.

    A database that is away costs no run: beat rings again for what is not claimed.
    """
    try:
        claim = ledger.claim(run_id, process)
    except (OperationalError, InterfaceError) as error:
        logger.warning("run_not_claimed", extra={"run_id": str(run_id)})
        raise Ignore(f"Run {run_id} cannot be claimed: {error}") from error
    if claim is None:
        raise Ignore(f"Run {run_id} is not to be run by this message")
    return claim


def _reject(claim: Claim, reject: Reject) -> NoReturn:
    """Keep from the broker a message that a body sends back: the row is the truth."""
    if reject.requeue:  # type: ignore[attr-defined] # the stubs have forgotten it
        _try_again(claim, RetryLater(ledger.SOON, None))
    _fail(claim, reject)
    raise reject


def _try_again(claim: Claim, later: RetryLater) -> NoReturn:
    """Leave a run for another attempt, and raise Ignore; or fail, and raise why."""
    error = _in_short(later.exc) if later.exc else ""
    if _record(claim, lambda: ledger.retry_later(claim, later.after, error=error)):
        # Celery's pool sends it to the main process: nothing of the body's goes along.
        raise Ignore(str(later)) from None
    reason = later.exc or MaxRetriesExceededError(
        f"Run {claim.run_id} has had its {claim.attempts} attempts."
    )
    _fail(claim, reason)
    raise reason


def _succeed(claim: Claim, result: object) -> None:
    if not _record(claim, lambda: ledger.succeed(claim, result)):
        logger.warning("run_success_not_recorded", extra=_fields(claim))


def _fail(claim: Claim, error: BaseException) -> None:
    summary, details = _in_short(error), _in_full(error)
    if not _record(claim, lambda: ledger.fail(claim, summary, details)):
        logger.warning("run_failure_not_recorded", extra=_fields(claim))


def _in_short(error: BaseException) -> str:
    """Return the error's kind and message, also where it cannot say the latter."""
    if isinstance(error, SoftTimeLimitExceeded):
        return TOOK_TOO_LONG
    name = type(error).__name__
    message = str(traceback.TracebackException(type(error), error, None))
    return f"{name}: {message}" if message else name


def _in_full(error: BaseException) -> str:
    """Return the traceback, without the frame in which this module calls the body."""
    frames = error.__traceback__
    if frames and frames.tb_next and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _record(claim: Claim, write: Callable[[], bool]) -> bool:
    """Write down how a run went on, waiting for a database that is away.

    Returns whether it was written: a run that was taken back is no longer ours. Never
    raises for the database's sake, since the body's own exception counts; what could
    not be written, the end of the lease repairs.
    """
    deadline = time.monotonic() + PATIENCE.total_seconds()
    pause = 0.0
    while True:
        try:
            time.sleep(pause)
            return write()
        except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
            # A connection that was lost is of no more use, nor an interrupted one.
            connection.close()
            if time.monotonic() >= deadline:
                logger.exception("run_not_recorded", extra=_fields(claim))
                return False
            logger.warning("run_waits_to_be_recorded", extra=_fields(claim))
            pause = min(2 * pause + 0.1, LONGEST_PAUSE_SECONDS)
        except DatabaseError:
            logger.exception("run_not_recorded", extra=_fields(claim))
            return False


def _fields(claim: Claim) -> dict[str, object]:
    return {"run_id": str(claim.run_id), "attempts": claim.attempts}
