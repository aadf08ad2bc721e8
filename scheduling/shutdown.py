"""Whether this worker has been asked to stop, for tasks that can stop in between.

A worker told to stop (SIGTERM) waits for the tasks that run. Its main process alone
hears the signal; the tasks run in children forked from it. So the flag is one byte of
memory that parent and children share: mapped at import, which must come before the
pool forks. Celery imports every `tasks` module by then, and those that ask import this.

A lock has no place here: the signal handler may interrupt anything, its holder too.
"""

import mmap
from typing import Any

from celery.signals import worker_shutting_down

_flag = mmap.mmap(-1, 1)


def stopping() -> bool:
    """Return whether the worker that runs this code has been asked to stop.

    Cheap enough for every batch of a loop. Always false outside a worker.
    """
    return _flag[0] != 0


def _note_shutdown(**_signal: Any) -> None:  # noqa: ANN401 - Celery's signature
    _flag[0] = 1


worker_shutting_down.connect(
    _note_shutdown, weak=False, dispatch_uid="scheduling.shutdown"
)
