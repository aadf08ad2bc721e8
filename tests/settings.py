"""The settings under test: the project's own, with what a test run must fix.

Only DATABASE_URL and REDIS_URL are taken from outside.
"""

import os
import secrets
from urllib.parse import urlsplit

os.environ |= {
    "DEBUG": "",
    "SITE_URL": "http://localhost:8000",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "SECRET_KEY_FILE": "",
    "BUSINESS_TIME_ZONE": "UTC",
    "LOG_LEVEL": "INFO",
    "EMAIL_URL": "",
    "EMAIL_URL_FILE": "",
    "DEFAULT_FROM_EMAIL": "",
    "SCHEDULING_ALERT_EMAILS": "",
    "RUN_DIR": ".run/tests",
    "EMBEDDED_DURABLE": "off",
    "DJANGO_SUPERUSER_USERNAME": "admin",
    "DJANGO_SUPERUSER_EMAIL": "",
    "DJANGO_SUPERUSER_PASSWORD": "",
    "DJANGO_SUPERUSER_PASSWORD_FILE": "",
}

from django.core.exceptions import ImproperlyConfigured

from config import settings as _project
from config.settings import *  # noqa: F403
from embedded import EmbeddedServers
from embedded.locks import OwnLock

# The manifest is made by collectstatic, of which a test has no need.
_project.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_AUTOREFRESH = True
# What hashing costs is Django's matter, and the tests log in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A database and a queue for this very process: two runs at once, or the processes of
# one (pytest -n), must not meet, nor must a task that a test sends reach the workers
# of a stack whose Redis the tests are given.
_project.DATABASES["default"]["TEST"] = {"NAME": f"test_order_desk_{os.getpid()}"}


def _take_redis_database() -> int:
    """Return a number that no other process has until this one ends.

    Redis has 16. Of one that the tests are given, 0 to 7 are left to others.
    """
    servers = _project.EMBEDDED_SERVERS
    is_ours = isinstance(servers, EmbeddedServers) and servers.redis
    _project.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(0 if is_ours else 8, 16):
        lock = OwnLock(_project.RUN_DIR / f"redis-{number}.lock")
        if lock.try_take():
            return number
        lock.close()
    raise ImproperlyConfigured("Too many tests at once: no database of Redis is free.")


_database = _take_redis_database()
_redis = urlsplit(_project.REDIS_URL)
if _redis.scheme == "unix":
    REDIS_URL = f"unix://{_redis.path}?db={_database}"
else:
    REDIS_URL = _redis._replace(path=f"/{_database}").geturl()
CELERY_BROKER_URL = _project.broker_url(REDIS_URL)
