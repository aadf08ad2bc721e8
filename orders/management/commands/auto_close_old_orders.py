from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orders import autoclose
from orders.models import Actor, AutoCloseRun, ClosePolicy, Origin

State = AutoCloseRun.State
EXIT_CODES = {State.FAILED: 1, State.NEEDS_APPROVAL: 3}


class Command(BaseCommand):
    help = (
        "Closes old orders by policy and prints the summary as JSON. Exit code: 0, "
        "1 (failed) or 3 (more than a policy's surge limit: needs --approve)."
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
        # Somebody waits for it and can stop it, so it has no time budget.
        summary = autoclose.execute(run, time_budget=None)
        self.stdout.write(json.dumps(summary, indent=2))
        sys.exit(EXIT_CODES.get(State(summary["state"]), 0))
