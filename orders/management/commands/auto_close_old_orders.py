from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orders import autoclose
from orders.management.bars import progress_bar
from orders.management.exit_codes import INTERRUPTED
from orders.models import Actor, AutoCloseRun, ClosePolicy, Origin

State = AutoCloseRun.State
EXIT_CODES = {State.FAILED: 1, State.NEEDS_APPROVAL: 3}
STDERR = 2
STOPPING = b"\nStopping after this batch; Ctrl-C again stops at once.\n"


class Command(BaseCommand):
    help = (
        "Closes old orders by policy and prints the summary as JSON. Exit code: 0, "
        "1 (failed), 3 (more than a policy's surge limit: needs --approve) or 130 "
        "(Ctrl-C: stopped after the batch at hand; pressed again, at once)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="count, and change nothing"
        )
        parser.add_argument(
            "--approve", action="store_true", help="exceed the policies' surge limits"
        )
        parser.add_argument("--limit", type=int, help="the most orders to change")
        parser.add_argument(
            "--policy",
            action="append",
            choices=ClosePolicy.Kind.values,
            help="only this kind; may be given several times",
        )

    def handle(self, *_args: str, **options: Any) -> None:
        try:
            run = autoclose.start_run(
                by=Actor.system(Origin.COMMAND),
                trigger=AutoCloseRun.Trigger.MANUAL,
                dry_run=options["dry_run"],
                policies=options["policy"],
                limit=options["limit"],
                approve=options["approve"],
            )
        except ValueError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        try:
            with _ctrl_c() as pressed, progress_bar("orders") as show:
                # Somebody waits for it and can stop it, so it has no time budget.
                summary = autoclose.execute(
                    run, should_stop=pressed.is_set, on_progress=show, time_budget=None
                )
        except KeyboardInterrupt:
            # The batch at hand may have been committed, or not have begun.
            self.stderr.write("Stopped at once. Run it again: it closes what is left.")
            sys.exit(INTERRUPTED)
        self.stdout.write(json.dumps(summary, indent=2))
        if summary["state"] == State.PARTIAL and pressed.is_set():
            self.stderr.write("Stopped. Run it again: it closes what is left.")
            sys.exit(INTERRUPTED)
        sys.exit(EXIT_CODES.get(State(summary["state"]), 0))


@contextmanager
def _ctrl_c() -> Iterator[Event]:
    """Note the first Ctrl-C inside the context, and say so; the second interrupts."""
    pressed = Event()

    def note(*_: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)
        # Not through sys.stderr, which may be in the middle of a write.
        os.write(STDERR, STOPPING)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
