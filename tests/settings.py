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
    "RUN_DIR": ".run/tests",
    "EMBEDDED_DURABLE": "off",
    "DJANGO_SUPERUSER_USERNAME": "admin",
    "DJANGO_SUPERUSER_EMAIL": "",
    "DJANGO_SUPERUSER_PASSWORD": "",
    "DJANGO_SUPERUSER_PASSWORD_FILE": "",
}

from config import settings as _project
from config.settings import *  # noqa: F403

# The manifest is made by collectstatic, of which a test has no need.
_project.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_AUTOREFRESH = True
# What hashing costs is Django's matter, and the tests log in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A queue of their own: tasks that a test sends must not reach the workers of a stack
# whose Redis the tests are given. Redis has 16 databases; 0 to 7 are left to others.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
_database = 8 + int(_worker) % 8
_redis = urlsplit(_project.REDIS_URL)
if _redis.scheme == "unix":
    REDIS_URL = f"unix://{_redis.path}?db={_database}"
else:
    REDIS_URL = _redis._replace(path=f"/{_database}").geturl()
CELERY_BROKER_URL = _project.broker_url(REDIS_URL)
