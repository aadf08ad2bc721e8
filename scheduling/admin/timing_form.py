"""When: one kind of schedule with its fields, and what bounds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django_celery_beat.models import (
    SOLAR_SCHEDULES,
    CrontabSchedule,
    PeriodicTask,
)

from scheduling import timing
from scheduling.clock import database_now
from scheduling.definitions import KINDS
from scheduling.durations import LONGEST
from scheduling.history import from_json
from scheduling.slots import InvalidTimingError, Timing
from scheduling.slots.zones import zone_named

from .inputs import instant_field

Fields = dict[str, Any]

CRONTAB = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
PERIODS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "seconds": timedelta(seconds=1),
}
#: Which fields of the form each kind asks for.
ASKED = {
    "crontab": (*CRONTAB, "zone"),
    "interval": ("every", "period"),
    "solar": ("event", "latitude", "longitude"),
    "clocked": ("at",),
}
BOUNDS = ("start_time", "expires", "one_off")


def _crontab_field(name: str, help_text: str, *, initial: str = "*") -> forms.CharField:
    column = CrontabSchedule._meta.get_field(name)  # noqa: SLF001 - documented
    return forms.CharField(
        required=False,
        initial=initial,
        max_length=column.max_length,
        help_text=help_text,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )


def _degrees(most: int) -> forms.DecimalField:
    return forms.DecimalField(
        required=False,
        max_digits=9,
        decimal_places=6,
        validators=[MinValueValidator(-most), MaxValueValidator(most)],
    )


class TimingForm(forms.Form):
    """Asks when. ``timing`` and ``fields_by_kind`` are there once it is clean."""

    kind = forms.ChoiceField(
        label="Kind",
        choices=[
            ("crontab", "At times of the day or week (crontab)"),
            ("interval", "At a fixed interval"),
            ("solar", "At a solar event"),
            ("clocked", "Once, at a given time (clocked)"),
        ],
        initial="crontab",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose one kind of schedule.",
            "invalid_choice": "Choose one of the four kinds of schedule.",
        },
    )
    minute = _crontab_field("minute", "0 to 59, such as 0, */15 or 0,30", initial="0")
    hour = _crontab_field("hour", "0 to 23, such as 3, 9-17 or *", initial="0")
    day_of_month = _crontab_field("day_of_month", "1 to 31")
    month_of_year = _crontab_field("month_of_year", "1 to 12")
    day_of_week = _crontab_field(
        "day_of_week", "0 to 6 or mon to sun; 0 and 7 are Sunday"
    )
    zone = forms.CharField(
        label="Time zone",
        required=False,
        max_length=63,
        help_text="An IANA name such as Europe/Berlin.",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
    )
    every = forms.IntegerField(
        required=False, min_value=1, max_value=2_147_483_647, initial=1
    )
    period = forms.ChoiceField(
        required=False,
        choices=[(period, period) for period in PERIODS],
        initial="hours",
        help_text="A day is 24 hours here, whatever the clocks do.",
    )
    event = forms.ChoiceField(
        required=False, choices=SOLAR_SCHEDULES, initial="sunrise"
    )
    latitude = _degrees(90)
    longitude = _degrees(180)
    at = instant_field(label="At (UTC)")
    start_time = instant_field(
        label="Not before (UTC)",
        help_text="Empty: from now on. An interval counts from it.",
    )
    expires = instant_field(label="Not after (UTC)", help_text="Empty: without an end.")
    one_off = forms.BooleanField(
        label="Once only",
        required=False,
        help_text="Switches itself off after its first run.",
    )

    #: Since when the clock knows the task: an interval without a start counts from it.
    anchor: datetime | None = None
    timing: Timing | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["zone"].initial = settings.BUSINESS_TIME_ZONE
        self.fields_by_kind: dict[str, Fields] = {}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._pass_over_other_kinds()
        kind = cleaned.get("kind")
        if kind and not self.errors.keys() & {*ASKED[kind], *BOUNDS}:
            self._read(kind, cleaned)
        return cleaned

    def task_with_timing(self) -> PeriodicTask:
        """Return an unsaved task that goes by what was entered."""
        (kind, fields) = next(iter(self.fields_by_kind.items()))
        bounds = {name: self.cleaned_data.get(name) for name in BOUNDS}
        bounds["one_off"] = bool(bounds["one_off"]) or kind == "clocked"
        return PeriodicTask(**{kind: KINDS[kind](**fields)}, **bounds)

    def _pass_over_other_kinds(self) -> None:
        """Forget what is wrong with fields that nobody asked for."""
        chosen = ASKED.get(self.cleaned_data.get("kind", ""), ())
        for name in {name for names in ASKED.values() for name in names} - {*chosen}:
            self.errors.pop(name, None)

    def _read(self, kind: str, cleaned: Mapping[str, Any]) -> None:
        try:
            self.fields_by_kind = {kind: _READERS[kind](cleaned)}
            anchor = self.anchor or database_now()
            self.timing = timing.timing_of(self.task_with_timing(), anchor)
        except InvalidTimingError as error:
            named = error.field if error.field in self.fields else "kind"
            self.add_error(named, str(error))
        except ValidationError as error:
            self.add_error(None, error)


def initial_of(kept: Mapping[str, Fields]) -> dict[str, Any]:
    """Return what the form shows for fields by kind, as a version keeps them."""
    shown: dict[str, Any] = {}
    for kind, fields in kept.items():
        shown["kind"] = kind
        for name, value in from_json(kind, fields).items():
            shown[_SHOWN_AS.get(name, name)] = value
    return shown


#: Fields that go by another name in django-celery-beat's tables.
_SHOWN_AS = {"timezone": "zone", "clocked_time": "at"}


def _crontab(cleaned: Mapping[str, Any]) -> Fields:
    fields = {name: "".join(cleaned[name].split()) or "*" for name in CRONTAB}
    zone = zone_named(cleaned["zone"] or settings.BUSINESS_TIME_ZONE)
    return fields | {"timezone": zone.key}


def _interval(cleaned: Mapping[str, Any]) -> Fields:
    _require(cleaned, "every", "period")
    every, period = cleaned["every"], cleaned["period"]
    if every > LONGEST // PERIODS[period]:
        raise ValidationError({"every": f"Give {LONGEST.days} days at most."})
    return {"every": every, "period": period}


def _solar(cleaned: Mapping[str, Any]) -> Fields:
    _require(cleaned, "event", "latitude", "longitude")
    # As the column gives it back, so that an equal row is found and compares equal.
    places = Decimal("0.000001")
    return {
        "event": cleaned["event"],
        "latitude": cleaned["latitude"].quantize(places),
        "longitude": cleaned["longitude"].quantize(places),
    }


def _clocked(cleaned: Mapping[str, Any]) -> Fields:
    _require(cleaned, "at")
    return {"clocked_time": cleaned["at"]}


def _require(cleaned: Mapping[str, Any], *names: str) -> None:
    missing = [name for name in names if cleaned.get(name) in (None, "")]
    if missing:
        raise ValidationError(
            dict.fromkeys(missing, "This is needed for the kind that you chose.")
        )


_READERS: dict[str, Callable[[Mapping[str, Any]], Fields]] = {
    "crontab": _crontab,
    "interval": _interval,
    "solar": _solar,
    "clocked": _clocked,
}
