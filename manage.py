#!/usr/bin/env python
"""Run a management command, on the embedded servers where no others are named."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from embedded import Nothing

# Commands that touch neither the database nor the broker, and need not wait for
# servers to start.
SERVERLESS = frozenset(
    {"help", "version", "--help", "-h", "--version", "collectstatic"}
)


def main() -> None:
    """Run the command of the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    try:
        servers = settings.EMBEDDED_SERVERS
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    with Nothing().running() if command in SERVERLESS else servers.running():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
