"""The Celery application that worker and beat run."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# It decides which tasks run under a claim, and how: see scheduling/worker.py.
app = Celery("order_desk", task_cls="scheduling.worker:LedgerTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add("scheduling.leases:Leases")


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Keep settings.LOGGING: with a receiver connected, Celery does not replace it."""


@app.on_after_finalize.connect
def listen_for_heartbeats(**_: object) -> None:
    """Connect the signals of config.heartbeat, in every process of Celery's."""
    import config.heartbeat  # noqa: F401, PLC0415
