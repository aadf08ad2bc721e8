"""What only the tests of the desk need."""

import socket

import pytest
from celery import current_app


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send Celery's messages to a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setitem(
        current_app.conf, "broker_write_url", f"redis://127.0.0.1:{port}/0"
    )
    # The pool that is there already is connected; Celery makes another.
    monkeypatch.setattr(current_app.amqp, "_producer_pool", None)
