from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count

from orders.demo import DEFAULT_COUNT, DEFAULT_SEED, is_empty, seed_demo
from orders.exceptions import OrderError
from orders.management.bars import progress_bar
from orders.management.exit_codes import INTERRUPTED
from orders.models import Order


class Command(BaseCommand):
    help = (
        "Fills an empty database with demo orders of the last two months, all of "
        "them or none. The same seed gives the same orders on the same day; numbers "
        "and ids are the database's. Exit code: 0, or where nothing was made 1, with "
        "the reason on stderr, or 130 (Ctrl-C)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--orders",
            type=int,
            default=DEFAULT_COUNT,
            metavar="N",
            help=f"how many ({DEFAULT_COUNT}); from 100 on, every state is among them",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=DEFAULT_SEED,
            metavar="N",
            help=f"another number gives other orders ({DEFAULT_SEED})",
        )
        parser.add_argument(
            "--offer",
            action="store_true",
            help="ask first, on a terminal; do nothing if there are orders",
        )

    def handle(self, *_args: str, **options: Any) -> None:
        if options["offer"] and not self._is_wanted():
            return
        try:
            with progress_bar("steps") as show:
                seed_demo(
                    count=options["orders"], seed=options["seed"], on_progress=show
                )
        except OrderError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except KeyboardInterrupt:
            self.stderr.write("Stopped. No orders were made.")
            sys.exit(INTERRUPTED)
        self._summarize()

    def _is_wanted(self) -> bool:
        if not is_empty():
            return False
        if not _is_interactive():
            self.stdout.write("No orders yet: `manage.py seed_demo` makes some.")
            return False
        try:
            answer = input("No orders yet. Fill the desk with demo orders? [y/N] ")
        except EOFError:
            # Ctrl-D leaves the line open.
            self.stdout.write("")
            return False
        return answer.strip().lower() in {"y", "yes"}

    def _summarize(self) -> None:
        self.stdout.write(f"{Order.objects.count():,} demo orders.")
        for title, column in (
            ("Status", "status"),
            ("Payment", "payment_status"),
            ("Fulfilment", "fulfillment_status"),
        ):
            self.stdout.write(f"{title}: {_counts(column)}.")


def _is_interactive() -> bool:
    """Return whether stdin and stdout are a terminal, with this in its foreground.

    A program in the background (`make run &`) would be stopped when it asks.
    """
    keyboard, screen = 0, 1
    if not (os.isatty(keyboard) and os.isatty(screen)):
        return False
    try:
        return os.tcgetpgrp(keyboard) == os.getpgrp()
    except OSError:
        # A terminal that does not control this program cannot stop it either.
        return True


def _counts(column: str) -> str:
    """Return how many orders are in each state, the most frequent first."""
    rows = Order.objects.values_list(column).annotate(n=Count("*"))
    return ", ".join(f"{n:,} {state}" for state, n in rows.order_by("-n", column))
