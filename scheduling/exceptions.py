"""The named refusals of the clock.

Every door (admin, command) catches ``ClockError`` and shows its sentence; the
subclasses are those that a door treats differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduling.models import Run


class ClockError(Exception):
    """Something was asked of the clock that it does not do."""


class InvalidPause(ClockError):  # noqa: N818 - a refusal, named as staff would
    """A pause that no schedule could be given; ``field`` is what to mend."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class Refusal(ClockError):  # noqa: N818 - as above
    """One schedule, or one run, to which this cannot be done now."""


class AskedAlready(Refusal):
    """It was asked for before, as ``run``: a second click, which changes nothing."""

    def __init__(self, sentence: str, *, run: Run) -> None:
        super().__init__(sentence)
        self.run = run
