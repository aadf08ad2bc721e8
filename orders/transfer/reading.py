"""Read a CSV file record by record, in bounded memory, or refuse it."""

from __future__ import annotations

import codecs
import csv
import stat
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orders.transfer.errors import InvalidFile, Problem, Problems, clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

LONGEST_RECORD = 1024 * 1024
MOST_NAMES_SHOWN = 10

SAVE_AS_UTF8 = "Save the file as CSV in UTF-8"

# What the csv module says, and what it means to the author of the file.
CSV_ERRORS = {
    "unexpected end of data": (
        "a quote is opened and never closed",
        "Close it, or write a quote that is part of the text twice",
    ),
    "expected after": (
        "text follows a closing quote",
        "Write a quote that is part of the text twice",
    ),
    "field larger than": (
        "a field is longer than 131,072 characters",
        "Look for a quote that is opened and not closed",
    ),
    "new-line character": (
        "a carriage return is not followed by a line feed",
        "End lines with LF or CR LF",
    ),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line on which it begins, and its texts by column."""

    line_number: int
    texts: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.texts[column]


def read_records(
    path: Path,
    columns: Sequence[str],
    problems: Problems,
    *,
    on_read: Callable[[int], object] | None = None,
) -> Iterator[Record]:
    """Yield the records of a UTF-8 CSV file whose header names exactly `columns`.

    The columns may be in any order; a byte order mark and blank lines are ignored.
    Never holds more than one record, of 1 MiB at most. A record with too few or too
    many fields goes to `problems` and the next is read; anything after which reading
    cannot go on raises InvalidFile. `on_read` receives the number of bytes of each
    line as it is read.
    """
    with _opened(path, problems) as file:
        lines = _Lines(file, problems, on_read or _ignore)
        rows = _rows(lines, problems)
        names = _header(rows, columns, problems)
        for line_number, row in rows:
            if len(row) == len(names):
                yield Record(line_number, dict(zip(names, row, strict=True)))
            else:
                problems.add(_wrong_length(line_number, len(row), len(names)))


def _ignore(_size: int) -> None:
    """Ignore the progress."""


def _opened(path: Path, problems: Problems) -> BinaryIO:
    """Open a plain file; a pipe would keep us waiting, a device might never end."""
    try:
        is_plain = stat.S_ISREG(path.stat().st_mode)
        if is_plain:
            return path.open("rb")
        what = "is not a file"
    except (OSError, ValueError) as error:
        what = f"cannot be read ({getattr(error, 'strerror', error)})"
    problem = Problem(
        sentence=f"{path} {what}", remedy="Check the name and the permissions"
    )
    raise problems.stop(problem)


class _Lines:
    """The lines of a file as text, counted; an iterator for the csv module."""

    def __init__(
        self, file: BinaryIO, problems: Problems, on_read: Callable[[int], object]
    ) -> None:
        self._file = file
        self._problems = problems
        self._on_read = on_read
        self._line_number = 0
        self.begin_record()

    def begin_record(self) -> None:
        """Give the next record its full room; it begins on the next line."""
        self.record_line = self._line_number + 1
        self._room = LONGEST_RECORD

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self._room + 1)
        if not line:
            raise StopIteration
        self._line_number += 1
        self._on_read(len(line))
        self._room -= len(line)
        if self._room < 0:
            raise self._refusal(
                "is longer than 1 MiB",
                "Look for a quote that is not closed or a line that does not end",
                self.record_line,
            )
        return self._text(line)

    def _text(self, line: bytes) -> str:
        if self._line_number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if b"\0" in line:
            raise self._refusal("contains a NUL character", SAVE_AS_UTF8)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            sentence = (
                f"is not UTF-8 (byte {line[error.start]:#x} at {error.start + 1})"
            )
            raise self._refusal(sentence, SAVE_AS_UTF8) from error

    def _refusal(
        self, sentence: str, remedy: str, line_number: int | None = None
    ) -> InvalidFile:
        number = line_number or self._line_number
        problem = Problem(lines=(number,), sentence=sentence, remedy=remedy)
        return self._problems.stop(problem)


def _rows(lines: _Lines, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line on which it begins."""
    reader = csv.reader(lines, strict=True)
    while (row := _next_row(reader, lines, problems)) is not None:
        if row:
            yield lines.record_line, row


def _next_row(
    reader: Iterator[list[str]], lines: _Lines, problems: Problems
) -> list[str] | None:
    lines.begin_record()
    try:
        return next(reader, None)
    except csv.Error as error:
        sentence, remedy = _explained(str(error))
        raise problems.stop(
            Problem(lines=(lines.record_line,), sentence=sentence, remedy=remedy)
        ) from error


def _explained(error: str) -> tuple[str, str]:
    for words, explanation in CSV_ERRORS.items():
        if words in error:
            return explanation
    return f"is not CSV ({error})", SAVE_AS_UTF8


def _header(
    rows: Iterator[tuple[int, list[str]]], columns: Sequence[str], problems: Problems
) -> list[str]:
    """Return the names of the columns in the order of the file."""
    line_number, names = next(rows, (1, []))
    counted = Counter(names)
    wrong = {
        "lacks the columns": [name for name in columns if name not in counted],
        "has unknown columns": [name for name in counted if name not in columns],
        "has columns twice": [name for name, count in counted.items() if count > 1],
    }
    found = [
        Problem(
            lines=(line_number,),
            sentence=f"the header {what}: {_listed(which)}",
            remedy="The first line names each column of the format once",
        )
        for what, which in wrong.items()
        if which
    ]
    if found:
        raise problems.stop(*found)
    return names


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(clip(name) for name in names[:MOST_NAMES_SHOWN])
    return f"{shown}, …" if len(names) > MOST_NAMES_SHOWN else shown


def _wrong_length(line_number: int, found: int, expected: int) -> Problem:
    return Problem(
        lines=(line_number,),
        sentence=f"has {found} fields where the header has {expected}",
        remedy="Quote texts that hold commas, and leave no field out",
    )
