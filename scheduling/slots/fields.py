"""The five fields of a crontab, parsed as by Celery; Sunday may also be 7."""

from collections.abc import Iterator
from dataclasses import dataclass

from scheduling.slots.errors import InvalidTimingError

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
WEEKDAYS = (
    *("sunday", "monday", "tuesday", "wednesday", "thursday", "friday"),
    "saturday",
)
_SHORTEST_NAME = 3
_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Field:
    """What one field may say. Names stand for ``first`` and what follows it."""

    name: str
    title: str
    first: int
    last: int
    names: tuple[str, ...] = ()
    example: str = "0,30"

    @property
    def largest(self) -> int:
        """Return the largest number that may be written."""
        return self.last

    def parse(self, text: str) -> frozenset[int]:
        """Return the numbers that the field names.

        Raises InvalidTimingError, for this field, if it is not valid.
        """
        parts = text.strip().split(",")
        return frozenset(number for part in parts for number in self._part(part))

    def _part(self, part: str) -> Iterator[int]:
        span, slash, step = part.strip().partition("/")
        if slash and not _is_positive(step):
            raise self._refusal(
                part, "after the slash comes a step of 1 or more, as in */15"
            )
        if slash and span != "*" and "-" not in span:
            raise self._refusal(
                part, f"a step needs a range to walk, as in {self.first}-{self.last}/2"
            )
        return iter(self._span(span)[:: int(step or 1)])

    def _span(self, span: str) -> list[int]:
        if span == "*":
            return list(range(self.first, self.last + 1))
        start, dash, end = span.partition("-")
        low = self._number(start)
        return self._range(low, self._number(end)) if dash else [low]

    def _range(self, low: int, high: int) -> list[int]:
        """Return the numbers of a range; one that ends before it starts wraps."""
        if high < low:
            return [*range(low, self.last + 1), *range(self.first, high + 1)]
        return list(range(low, high + 1))

    def _number(self, text: str) -> int:
        number = self._named(text)
        if number is None:
            raise self._refusal(text, f"use {self._allowed()}, as in {self.example}")
        return number

    def _named(self, text: str) -> int | None:
        if _is_number(text):
            number = int(text)
            return number if self.first <= number <= self.largest else None
        name = text.lower()
        matches = (
            self.first + position
            for position, known in enumerate(self.names)
            if len(name) >= _SHORTEST_NAME and known.startswith(name)
        )
        return next(matches, None)

    def _allowed(self) -> str:
        numbers = f"{self.first} to {self.largest}"
        return (
            f"{numbers} or names such as {self.names[1][:3]}" if self.names else numbers
        )

    def _refusal(self, text: str, remedy: str) -> InvalidTimingError:
        what = repr(text.strip()) if text.strip() else "an empty part"
        return InvalidTimingError(
            self.name, f"{self.title}: {what} is not valid; {remedy}."
        )


class WeekdayField(Field):
    """Days from Sunday, 0, to Saturday, 6; a Sunday at a week's end may be 7."""

    @property
    def largest(self) -> int:
        return self.last + 1

    def parse(self, text: str) -> frozenset[int]:
        return frozenset(day % self.largest for day in super().parse(text))

    def _range(self, low: int, high: int) -> list[int]:
        starts_on_sunday = low == self.largest and high != self.largest
        return super()._range(self.first if starts_on_sunday else low, high)


MINUTE = Field("minute", "Minute", 0, 59)
HOUR = Field("hour", "Hour", 0, 23, example="8,20")
DAY_OF_MONTH = Field("day_of_month", "Day of the month", 1, 31, example="1,15")
MONTH_OF_YEAR = Field("month_of_year", "Month", 1, 12, MONTHS, example="1,7")
DAY_OF_WEEK = WeekdayField("day_of_week", "Day of the week", 0, 6, WEEKDAYS, "0,5")


def _is_positive(text: str) -> bool:
    return _is_number(text) and int(text) > 0


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
