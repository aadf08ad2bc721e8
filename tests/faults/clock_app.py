"""The application with a task for tests beside its own: `celery -A …`."""

from config.celery import app

app.autodiscover_tasks(["tests.faults"], related_name="clock_tasks")

__all__ = ["app"]
