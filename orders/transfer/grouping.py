"""Make orders of consecutive records, and refuse records that contradict.

One record is one order line; the fields of the order are repeated on each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from .errors import BadValue, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .errors import Problems
    from .imported import ImportedLine, ImportedOrder
    from .reading import Record

    Key = tuple[str, ...]

MOST_LINES = 10_000


def _agree(_order: ImportedOrder, _first: Record) -> None:
    """Find nothing that contradicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which columns of a format make an order, and how its records are read.

    ``key`` together name an order; its last column is the one that errors name.
    ``order_columns`` must agree within an order, ``line_key`` must differ. The readers
    and ``check`` raise BadValue. ``read_line`` receives the number of lines before it,
    and returns None for a record that says there are no lines. ``check`` is asked where
    all lines could be read.
    """

    key: Key
    order_columns: tuple[str, ...]
    line_key: str
    read_line: Callable[[Record, int], ImportedLine | None]
    read_order: Callable[[Record, tuple[ImportedLine, ...]], ImportedOrder]
    check: Callable[[ImportedOrder, Record], None] = _agree


def group_orders(
    records: Iterable[Record], layout: Layout, problems: Problems
) -> Iterator[ImportedOrder]:
    """Yield orders, one in memory at a time.

    Raises InvalidFile with up to fifty problems, at the end or where reading cannot go
    on. Orders may have been yielded by then: the caller must discard them. After the
    first problem nothing more is yielded, but the rest is still checked.
    Besides the current order only the references are kept, to detect one that comes
    back.
    """
    seen: dict[Key, int] = {}
    for key, group in groupby(records, key=lambda record: _key(record, layout)):
        order = _order(key, group, layout, seen, problems)
        if order and not problems:
            yield order
    problems.refuse_if_any()


def _key(record: Record, layout: Layout) -> Key:
    return tuple(record[column] for column in layout.key)


def _order(
    key: Key,
    records: Iterable[Record],
    layout: Layout,
    seen: dict[Key, int],
    problems: Problems,
) -> ImportedOrder | None:
    """Return the order that consecutive records make; None where one is at fault."""
    records = iter(records)
    first = next(records)
    if key in seen:
        problems.add(_comes_back(layout, seen[key], first))
        return None
    seen[key] = first.line_number
    before = len(problems)
    lines = _lines(first, records, layout, problems)
    try:
        order = layout.read_order(first, lines)
        if len(problems) == before:
            layout.check(order, first)
    except BadValue as error:
        problems.add_value(error, first.line_number)
        return None
    return order


def _comes_back(layout: Layout, before: int, record: Record) -> Problem:
    return Problem(
        lines=(before, record.line_number),
        field=layout.key[-1],
        value=record[layout.key[-1]],
        sentence="comes back after other orders",
        remedy="Put the lines of one order together, or give this one its own ID",
    )


def _lines(
    first: Record, rest: Iterator[Record], layout: Layout, problems: Problems
) -> tuple[ImportedLine, ...]:
    """Return the lines that can be taken; the others go to `problems`."""
    lines: list[ImportedLine] = []
    places: dict[str, int] = {}
    for before, record in enumerate(_and_rest(first, rest)):
        if before == MOST_LINES:
            raise problems.stop(_too_many(layout, record))
        for problem in _contradictions(layout, first, record, places):
            problems.add(problem)
        places.setdefault(record[layout.line_key], record.line_number)
        try:
            line = layout.read_line(record, before)
        except BadValue as error:
            problems.add_value(error, record.line_number)
        else:
            lines += [line] if line else []
    return tuple(lines)


def _and_rest(first: Record, rest: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _too_many(layout: Layout, record: Record) -> Problem:
    return Problem(
        lines=(record.line_number,),
        field=layout.key[-1],
        value=record[layout.key[-1]],
        sentence=f"has more than {MOST_LINES:,} lines",
        remedy="Give each order its own ID",
    )


def _contradictions(
    layout: Layout, first: Record, record: Record, places: Mapping[str, int]
) -> Iterator[Problem]:
    """Yield what a record says otherwise than its order, or says a second time."""
    for column in layout.order_columns:
        if record[column] != first[column]:
            yield Problem(
                lines=(first.line_number, record.line_number),
                field=column,
                value=record[column],
                sentence="differs within one order",
                remedy="Give every line of the order the same value",
            )
    place = record[layout.line_key]
    if place in places:
        yield Problem(
            lines=(places[place], record.line_number),
            field=layout.line_key,
            value=place,
            sentence="occurs twice in one order",
            remedy="Remove the repeated line, or number it",
        )
