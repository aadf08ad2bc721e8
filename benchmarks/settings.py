"""The settings under measurement: the project's own, on servers of its own.

Nothing is taken from outside: no database that anybody needs can be named.
"""

import os
import secrets

os.environ |= {
    "DEBUG": "",
    "SITE_URL": "http://localhost:8000",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "SECRET_KEY_FILE": "",
    "DATABASE_URL": "",
    "DATABASE_URL_FILE": "",
    "DATABASE_POOL_SIZE": "",
    "REDIS_URL": "",
    "REDIS_URL_FILE": "",
    "BUSINESS_TIME_ZONE": "UTC",
    # A line for each finished sweep would stand in the middle of the report.
    "LOG_LEVEL": "WARNING",
    "RUN_DIR": ".run/benchmarks",
    # Processor time is what is compared. The disk, and the whole pages that are
    # logged after a checkpoint, would be charged to whoever came first.
    "EMBEDDED_DURABLE": "off",
}

from config.settings import *  # noqa: F403

# One backend's processor time is what is read, so a peer must keep to one.
DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405
