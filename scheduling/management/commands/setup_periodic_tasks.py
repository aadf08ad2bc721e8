"""Bring the schedules of this database in line with the table of defaults."""

import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduling.defaults import DEFAULT_SCHEDULES, DefaultSchedule
from scheduling.definitions import in_words
from scheduling.seeding import (
    Outcome,
    SeededSchedule,
    apply_defaults,
    check_defaults,
    reset_default,
)

NOTES = {Outcome.FOREIGN: "not made from the table; --reset makes it so"}


class Command(BaseCommand):
    """Print each schedule of the table, and under it the fields that differ."""

    help = (
        "Creates the default schedules that are missing and moves the fields that "
        "staff left alone; what staff changed is kept and named. May run at any "
        "time, also several times at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept one of --check and --reset."""
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--check",
            action="store_true",
            help="change nothing; exit with 1 where a schedule would be created or "
            "moved (one that staff changed is named and no failure)",
        )
        group.add_argument(
            "--reset",
            metavar="NAME",
            help="put this one schedule back to what the table says",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check, reset one, or apply the table of defaults."""
        if options["check"]:
            self._check()
        elif options["reset"] is not None:
            self._print(reset_default(default_named(options["reset"])))
        else:
            for seeded in apply_defaults():
                self._print(seeded)

    def _check(self) -> None:
        schedules = check_defaults()
        for seeded in schedules:
            self._print(seeded, unwritten="to be ")
        if any(seeded.is_drift for seeded in schedules):
            sys.exit(1)

    def _print(self, seeded: SeededSchedule, *, unwritten: str = "") -> None:
        outcome = f"{unwritten if seeded.is_drift else ''}{seeded.outcome}"
        note = NOTES.get(seeded.outcome)
        self.stdout.write(f"{outcome:<14}{seeded.name}{f' ({note})' if note else ''}")
        for line in differences(seeded):
            self.stdout.write(f"  {line}")


def default_named(name: str) -> DefaultSchedule:
    """Return the default of this name, or end with the names that there are."""
    by_name = {default.name: default for default in DEFAULT_SCHEDULES}
    if name not in by_name:
        raise CommandError(
            f"No default schedule is named {name!r}. There are: "
            f"{', '.join(repr(known) for known in by_name)}."
        )
    return by_name[name]


def differences(seeded: SeededSchedule) -> Iterator[str]:
    """Yield a line for each field that the table moves, and each that staff set."""
    for one in seeded.moved:
        before, after = (in_words(one.field, v) for v in (one.standing, one.default))
        yield f"{one.field}: {before} -> {after}"
    for one in seeded.kept:
        kept, default = (in_words(one.field, v) for v in (one.standing, one.default))
        yield f"{one.field}: {kept} kept, default {default}"
