#!/usr/bin/env python
"""Run a management command, on the embedded servers where no others are named."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

# Commands that touch neither the database nor the broker, so that they need
# not wait for servers to start.
SERVERLESS = frozenset(
    {"help", "version", "--help", "-h", "--version", "collectstatic"}
)


def main() -> None:
    """Run the command of the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in SERVERLESS:
        execute_from_command_line(sys.argv)
        return
    # Imported here because django.conf must not be asked before the line above.
    from django.conf import settings  # noqa: PLC0415

    try:
        servers = settings.EMBEDDED_SERVERS
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    with servers.running():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
