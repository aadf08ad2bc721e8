"""The named refusals of the clock.

Every caller (admin, command) catches ``ClockError`` and shows its sentence; the
subclasses are those that callers treat differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduling.models import Run


class ClockError(Exception):
    """A request that the clock refuses."""


class InvalidPause(ClockError):  # noqa: N818 - a refusal, named as staff would
    """A pause that is not valid for any schedule; ``field`` is what to correct."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class Refusal(ClockError):  # noqa: N818 - as above
    """The request is not possible for one schedule or run in its current state."""


class AlreadyRequested(Refusal):
    """``run`` was requested before: a second click, which changes nothing."""

    def __init__(self, sentence: str, *, run: Run) -> None:
        super().__init__(sentence)
        self.run = run
