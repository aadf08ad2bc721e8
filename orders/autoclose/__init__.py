"""Which orders are due for closing, and the sweep over them."""

from .due import AutoClose, auto_close_of
from .forecast import forecast
from .runs import approve, queue_follow_up, queued_runs, start_run
from .sweep import Summary, execute

__all__ = [
    "AutoClose",
    "Summary",
    "approve",
    "auto_close_of",
    "execute",
    "forecast",
    "queue_follow_up",
    "queued_runs",
    "start_run",
]
