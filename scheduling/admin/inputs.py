"""Fields that the forms of the clock ask with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator

from scheduling.durations import LONGEST, InvalidDurationError, parse, written

#: The calendar is worked out for these years; nobody plans beyond.
FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC)


class DurationField(forms.CharField):
    """Takes ``15 min``, ``2 h``, ``1 day 12 hours``; an empty one is None."""

    def __init__(
        self,
        *,
        shortest: timedelta = timedelta(0),
        longest: timedelta = LONGEST,
        **options: Any,
    ) -> None:
        self.shortest, self.longest = shortest, longest
        super().__init__(**options)

    def prepare_value(self, value: object) -> object:
        return written(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            length = parse(text)
        except InvalidDurationError as error:
            raise ValidationError(str(error)) from None
        if length < self.shortest:
            raise ValidationError(f"It must be {written(self.shortest)} at least.")
        if length > self.longest:
            raise ValidationError(f"It must be {written(self.longest)} at most.")
        return length


def instant_field(**options: Any) -> forms.DateTimeField:
    """Ask for a date and a time, both in UTC. Microseconds are not shown."""
    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
    )
    options.setdefault("required", False)
    return forms.DateTimeField(
        widget=widget,
        validators=[
            MinValueValidator(FIRST_INSTANT, "Give a time after the year 1970."),
            MaxValueValidator(LAST_INSTANT, "Give a time before the year 2200."),
        ],
        **options,
    )
