"""Print when a schedule is due, or what an expression would mean."""

from argparse import ArgumentTypeError
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from scheduling import expressions, pausing, slots, wording
from scheduling.models import Schedule
from scheduling.slots import Crontab, InvalidTimingError, Timing
from scheduling.slots.zones import zone_named
from scheduling.timing import timing_of, with_schedules

_MOST = 1_000
_BAD_ARGUMENT = 2


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A timing, and what else there is to say about its schedule."""

    timing: Timing
    remarks: tuple[str, ...] = ()


class Command(BaseCommand):
    """Print the next slots, in the schedule's zone and in UTC, a line each."""

    help = (
        "Prints the next slots of a schedule, by its name, or of an expression: a "
        'crontab ("0 3 * * 1-5"), "every 10 minutes", an event of the sun at a '
        'latitude and longitude ("sunrise 52.5 13.4"), an instant '
        '("2026-08-31T14:00"). Changes nothing.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept a name or an expression, with or without quotes."""
        parser.add_argument("schedule", nargs="+", metavar="NAME|EXPRESSION")
        parser.add_argument(
            "--tz",
            metavar="ZONE",
            help="the zone of an expression, and in which slots are shown (IANA name; "
            "otherwise a schedule's own, or else BUSINESS_TIME_ZONE)",
        )
        parser.add_argument(
            "--count",
            type=_count,
            default=10,
            metavar="N",
            help=f"how many slots, up to {_MOST:,} (default: 10)",
        )
        parser.add_argument(
            "--after",
            type=_instant,
            metavar="INSTANT",
            help="look from this instant on, such as 2026-03-28T12:00+01:00 "
            "(default: now)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the words, the remarks and the slots."""
        text, zone_name = " ".join(options["schedule"]), options["tz"]
        after = options["after"] or timezone.now()
        if zone_name is not None:
            _checked_zone(zone_name)
        preview = _of_expression(text, zone_name, after) or _of_name(text, after)
        timing = preview.timing
        self.stdout.write(wording.in_words(timing.rule))
        for remark in preview.remarks:
            self.stdout.write(remark)
        found = slots.next_slots(timing, after, options["count"])
        if not found:
            raise CommandError(
                "It never fires: its time has passed, or nothing falls between its "
                "start and its end. Choose another."
            )
        zone = zone_named(zone_name or _own_zone(timing))
        for slot in found:
            self.stdout.write(_line(timing, slot, zone))


def _checked_zone(name: str) -> None:
    try:
        zone_named(name)
    except InvalidTimingError as error:
        raise CommandError(f"--tz: {error}", returncode=_BAD_ARGUMENT) from None


def _of_expression(text: str, zone: str | None, after: datetime) -> Preview | None:
    try:
        rule = expressions.parse(text, zone or settings.BUSINESS_TIME_ZONE)
    except InvalidTimingError as error:
        raise CommandError(f"EXPRESSION: {error}", returncode=_BAD_ARGUMENT) from None
    return Preview(timing=Timing(rule, anchor=after)) if rule else None


def _of_name(name: str, after: datetime) -> Preview:
    tasks = with_schedules(PeriodicTask.objects.filter(name=name))
    try:
        task = tasks.select_related("clock").first()
    except OperationalError as error:
        raise CommandError(
            f"NAME: {name!r} cannot be looked up, the database cannot be reached: "
            f"{error}"
        ) from None
    if task is None:
        raise CommandError(
            f"NAME|EXPRESSION: no schedule is named {name!r}, nor is it a crontab of "
            'five fields, "every 10 minutes", an event of the sun such as "sunrise '
            '52.5 13.4" or an instant such as 2026-08-31T14:00.',
            returncode=_BAD_ARGUMENT,
        )
    clock: Schedule | None = getattr(task, "clock", None)
    try:
        timing = timing_of(task, clock.anchor if clock else after)
    except InvalidTimingError as error:
        raise CommandError(f"{name}: {error}") from None
    return Preview(timing=timing, remarks=_remarks(task, clock))


def _remarks(task: PeriodicTask, clock: Schedule | None) -> tuple[str, ...]:
    """Say what keeps the schedule from running at its slots."""
    switched_off = () if task.enabled else ("It is switched off, and would be due:",)
    return (*switched_off, *_pause(clock))


def _pause(clock: Schedule | None) -> tuple[str, ...]:
    if clock is None or not clock.is_paused_at(timezone.now()):
        return ()
    return (pausing.in_words(clock),)


def _own_zone(timing: Timing) -> str:
    if isinstance(timing.rule, Crontab):
        return timing.rule.zone
    business: str = settings.BUSINESS_TIME_ZONE
    return business


def _line(timing: Timing, slot: datetime, zone: ZoneInfo) -> str:
    local = slot.astimezone(zone)
    in_utc = slot.replace(tzinfo=None).isoformat(sep=" ")
    note = slots.changeover_note(timing, slot)
    return f"{local:%a} {local.isoformat(sep=' ')}  {in_utc} UTC  {note}".rstrip()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise ArgumentTypeError(
            f"{text!r} is not a number of slots: use 1 to {_MOST:,}."
        )
    return int(text)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ArgumentTypeError(
            f"{text!r} is not an instant: use one with an offset, such as "
            "2026-03-28T12:00+01:00."
        )
    return at.astimezone(UTC)
