"""List what became of slots, newest first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django_celery_beat.models import PeriodicTask

from scheduling.formatting import format_duration
from scheduling.models import Run
from scheduling.models.run import RunQuerySet

USUAL_LIMIT = 20
LARGEST_LIMIT = 10_000
LONGEST_WHY = 60
HEADINGS = (
    "SLOT (UTC)",
    "SCHEDULE",
    "TRIGGER",
    "STATE",
    "TRIES",
    "LATE",
    "TOOK",
    "WHY",
)


class Command(BaseCommand):
    """Print a line for each run, or JSON with all that is known of it."""

    help = "Lists the runs of schedules, newest first; times are UTC."

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept what narrows the list."""
        states = parser.add_mutually_exclusive_group()
        states.add_argument(
            "--failed",
            action="store_true",
            help="those that failed, were missed or lost",
        )
        states.add_argument("--state", choices=Run.State.values, help="in this state")
        parser.add_argument("--schedule", metavar="NAME", help="of this schedule")
        parser.add_argument(
            "--limit",
            default=str(USUAL_LIMIT),
            metavar="N",
            help=f"the most to list ({USUAL_LIMIT})",
        )
        parser.add_argument("--json", action="store_true", help="print them as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the runs that the options leave."""
        runs = chosen_runs(options)[: checked_limit(options["limit"])]
        if options["json"]:
            facts = json.dumps(list(runs.values()), cls=DjangoJSONEncoder, indent=2)
            self.stdout.write(facts)
        elif rows := [row_of(run) for run in runs]:
            self.stdout.write("\n".join(table(rows)))
        else:
            self.stdout.write("There are no such runs.")


def checked_limit(text: str) -> int:
    """Return the number that was asked for, or end with what is wrong with it."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= LARGEST_LIMIT):
        raise CommandError(
            f"--limit must be a whole number from 1 to {LARGEST_LIMIT:,}, not {text!r}."
        )
    return int(text)


def chosen_runs(options: dict[str, Any]) -> RunQuerySet:
    """Return the runs to list; ends with CommandError for a schedule that never was."""
    runs = Run.objects.order_by("-created_at", "id")
    if options["failed"]:
        runs = runs.failed()
    if options["state"]:
        runs = runs.filter(state=options["state"])
    if (name := options["schedule"]) is not None:
        runs = runs.filter(name=checked_name(name))
    return runs


def checked_name(name: str) -> str:
    """Return the name of a schedule, or of one that there was."""
    is_known = PeriodicTask.objects.filter(name=name).exists()
    if is_known or Run.objects.filter(name=name).exists():
        return name
    raise CommandError(f"--schedule: no schedule is named {name!r}.")


def row_of(run: Run) -> tuple[str, ...]:
    """Return what a line of the table says of a run."""
    return (
        said(run.slot or run.created_at),
        run.name,
        run.get_trigger_display(),
        run.get_state_display() + progress_of(run),
        str(run.attempts),
        "" if run.lateness is None else format_duration(run.lateness),
        "" if run.duration is None else format_duration(run.duration),
        shortened(run.error or run.reason),
    )


def progress_of(run: Run) -> str:
    """Return how far a run is while it is at work."""
    if run.state != Run.State.RUNNING or not run.progress_total:
        return ""
    return f" {run.progress_done}/{run.progress_total}"


def said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_WHY else f"{line[: LONGEST_WHY - 1]}…"


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return lines whose columns stand below each other."""
    lines = [HEADINGS, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
