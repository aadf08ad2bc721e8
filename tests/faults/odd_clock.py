"""A program whose own clock is hours off: `python -m … HOURS celery …`.

What it asks Python for the time is off. How long something takes is not: neither is
that of a machine whose clock is wrong.
"""

import runpy
import sys
from datetime import UTC, datetime, timedelta

import time_machine


def main() -> None:
    """Set the clock, and become the program."""
    hours, program = sys.argv[1:3]
    sys.argv[:] = sys.argv[2:]
    off = datetime.now(UTC) + timedelta(hours=float(hours))
    with time_machine.travel(off, tick=True):
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
