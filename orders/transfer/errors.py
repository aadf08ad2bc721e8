"""What is wrong with a file, in sentences that tell how to correct it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orders.exceptions import OrderError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PROBLEMS = 50
LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: where, what, and what to do about it.

    ``lines`` are the file's own, counted from 1 with the header; two of them where
    one line contradicts another; none where the file could not be read at all.
    """

    sentence: str
    remedy: str
    lines: tuple[int, ...] = ()
    field: str = ""
    value: str | None = None

    def __str__(self) -> str:
        place = ", ".join(part for part in (self._where(), self._what()) if part)
        return f"{place or 'The file'}: {self.sentence}. {self.remedy}."

    def _where(self) -> str:
        if not self.lines:
            return ""
        word = "Line" if len(self.lines) == 1 else "Lines"
        return f"{word} {' and '.join(map(str, self.lines))}"

    def _what(self) -> str:
        shown = "" if self.value is None else f"“{clip(self.value)}”"
        return " ".join(part for part in (self.field, shown) if part)


def clip(text: str) -> str:
    """Shorten a value for a sentence, and show what cannot be seen as escapes."""
    visible = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in text[:LONGEST_VALUE]
    )
    return f"{visible}…" if len(text) > LONGEST_VALUE else visible


class InvalidFile(OrderError):  # noqa: N818 - a refusal, named as staff would
    """A file that is not imported; ``problems`` are at most fifty, in file order.

    ``is_complete`` is false where checking ended before the end of the file, so that
    there may be more than these.
    """

    def __init__(self, problems: Iterable[Problem], *, is_complete: bool) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.lines[-1:]))
        self.is_complete = is_complete
        super().__init__("\n".join(self._sentences()))

    def _sentences(self) -> list[str]:
        sentences = [str(problem) for problem in self.problems]
        was_read = any(problem.lines for problem in self.problems)
        if was_read and not self.is_complete:
            sentences.append("There may be more: checking ended here.")
        return sentences


class BadValue(Exception):  # noqa: N818 - what a line holds, caught by its reader
    """One value that cannot be taken; its reader knows the line.

    A sum that no cell holds has None for its value.
    """

    def __init__(
        self, field: str, value: str | None, sentence: str, remedy: str
    ) -> None:
        super().__init__(sentence)
        self.field = field
        self.value = value
        self.sentence = sentence
        self.remedy = remedy


class Problems:
    """The problems of one file so far."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: Problem) -> None:
        """Note a problem after which the file can be read on.

        Raises InvalidFile with the fiftieth problem.
        """
        self._found.append(problem)
        if len(self._found) == MOST_PROBLEMS:
            raise InvalidFile(self._found, is_complete=False)

    def add_value(self, error: BadValue, *lines: int) -> None:
        """Note a value that cannot be taken, with the line that holds it."""
        self.add(
            Problem(
                lines=lines,
                field=error.field,
                value=error.value,
                sentence=error.sentence,
                remedy=error.remedy,
            )
        )

    def stop(self, *problems: Problem) -> InvalidFile:
        """Return the refusal for problems after which nothing can be read."""
        found = [*self._found, *problems]
        return InvalidFile(found[:MOST_PROBLEMS], is_complete=False)

    def refuse_if_any(self) -> None:
        """Raise InvalidFile at the end of the file if anything was noted."""
        if self._found:
            raise InvalidFile(self._found, is_complete=True)
