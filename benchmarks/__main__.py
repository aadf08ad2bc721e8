"""Ask what the order desk costs: python -m benchmarks [--full] [QUESTION ...]."""

from __future__ import annotations

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"

import argparse
import sys
import time

import django
from django.conf import settings

django.setup()

from embedded.locks import exclusive

from . import (
    clock_cost,
    clock_edit,
    close_at_once,
    close_cost,
    close_growth,
    close_meanwhile,
)
from .dataset import templates
from .report import surroundings, write_json

QUESTIONS = {
    "close_cost": close_cost.answer,
    "close_growth": close_growth.answer,
    "close_meanwhile": close_meanwhile.answer,
    "close_at_once": close_at_once.answer,
    "clock_cost": clock_cost.answer,
    "clock_edit": clock_edit.answer,
}


def main() -> int:
    """Ask the questions; return 1 when a gate is missed."""
    given = _arguments()
    began = time.monotonic()
    with (
        settings.EMBEDDED_SERVERS.running(),
        exclusive(settings.RUN_DIR / "benchmarks.lock"),
        templates(),
    ):
        about = surroundings()
        for name, value in about.items():
            print(f"{name}: {value}")
        answers = []
        for name in given.questions or QUESTIONS:
            asked = time.monotonic()
            answers.append(QUESTIONS[name](full=given.full))
            took = time.monotonic() - asked
            print(f"\n{answers[-1].shown()}\n\n{name} took {took:.0f} s", flush=True)
    path = write_json(settings.RUN_DIR / "results", about, answers)
    missed = [
        gate for answer in answers for gate in answer.gates if not gate.is_reached
    ]
    print(f"\n{len(missed)} gates missed, in {time.monotonic() - began:.0f} s; {path}")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large sizes")
    names = ", ".join(QUESTIONS)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=names)
    given = parser.parse_args()
    if unknown := set(given.questions) - QUESTIONS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}, but {names}")
    return given


if __name__ == "__main__":
    sys.exit(main())
