from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from orders.exceptions import OrderError
from orders.management.exit_codes import INTERRUPTED
from orders.models import Actor, Origin
from orders.transfer.formats import FORMATS
from orders.transfer.loading import Imported, Provenance, load_orders
from orders.transfer.summary import described


class Command(BaseCommand):
    help = (
        "Imports the orders of a file, all of them or none. Orders that are there "
        "already must be as the file says. Exit code: 0, 1 (refused, with the reasons "
        "on stderr) or 130 (Ctrl-C)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the file, in UTF-8")
        parser.add_argument("--format", required=True, choices=FORMATS)

    def handle(self, *_args: str, **options: Any) -> None:
        path: Path = options["file"]
        try:
            imported = _import(path, options["format"])
        except OrderError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except KeyboardInterrupt:
            self.stderr.write("Stopped. Run it again: no order is imported twice.")
            sys.exit(INTERRUPTED)
        self.stdout.write(
            f"{imported.created:,} orders created, {imported.unchanged:,} unchanged:"
            f" {described(imported.lines, imported.totals)}."
        )


def _import(path: Path, format_name: str) -> Imported:
    file_format = FORMATS[format_name]
    provenance = Provenance(file_name=path.name, by=Actor.system(Origin.IMPORT))
    # With None, tqdm is silent unless stderr is a terminal.
    with tqdm(total=_size(path), unit="B", unit_scale=True, disable=None) as bar:
        orders = file_format.read(path, on_read=bar.update)
        return load_orders(orders, provenance, file_format.compared)


def _size(path: Path) -> int | None:
    """Return a file's size for the bar; what is wrong with it, its reader says."""
    try:
        return path.stat().st_size
    except OSError:
        return None
