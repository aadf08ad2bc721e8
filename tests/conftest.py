"""What every test shares: PostgreSQL, Redis and processes, all of them real."""

from contextlib import ExitStack

from django.conf import settings

_servers = ExitStack()


def pytest_configure() -> None:
    """Start the embedded servers, unless the environment names others."""
    _servers.enter_context(settings.EMBEDDED_SERVERS.running())


def pytest_unconfigure() -> None:
    """Stop them, unless another test run uses them."""
    _servers.close()
