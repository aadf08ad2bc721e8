from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from orders.exceptions import OrderError
from orders.management.exit_codes import INTERRUPTED
from orders.models import Order
from orders.transfer.exporting import Exported, Selection, export_orders
from orders.transfer.summary import described
from orders.transfer.writing import whole_file


class Command(BaseCommand):
    help = (
        "Writes orders as CSV in the orderdesk format, as they are at one instant. "
        "Exit code: 0, 1 (refused, with the reasons on stderr) or 130 (Ctrl-C)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="else standard output"
        )
        parser.add_argument(
            "--status", action="append", default=[], choices=Order.Status.values
        )
        parser.add_argument("--channel", action="append", default=[])
        parser.add_argument(
            "--leave-out",
            action="store_true",
            help="leave out orders that the format cannot represent, and name them",
        )

    def handle(self, *_args: str, **options: Any) -> None:
        selection = Selection(
            statuses=options["status"],
            channels=options["channel"],
            leave_out=options["leave_out"],
        )
        output: Path | None = options["output"]
        try:
            with _opened(output) as file:
                exported = _export(file, selection)
        except OrderError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except KeyboardInterrupt:
            self.stderr.write("Stopped. A file is written whole or not at all.")
            sys.exit(INTERRUPTED)
        for sentence in exported.left_out:
            self.stderr.write(f"Left out: {sentence}")
        if output:
            self.stdout.write(
                f"{exported.orders:,} orders exported:"
                f" {described(exported.lines, exported.totals)}."
            )


def _export(file: TextIO, selection: Selection) -> Exported:
    # With None, tqdm is silent unless stderr is a terminal.
    with tqdm(unit=" orders", disable=None) as bar:
        return export_orders(file, selection, on_count=bar.reset, on_order=bar.update)


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Open the file or standard output; in UTF-8, whatever the locale."""
    if output:
        with whole_file(output) as file:
            yield file
        return
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield out
        out.flush()
    except BrokenPipeError:
        # Its reader has seen enough. Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        out.detach()
