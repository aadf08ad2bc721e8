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

from config import settings as _project
from config.settings import *  # noqa: F403

# The manifest is made by collectstatic, of which a test has no need.
_project.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_AUTOREFRESH = True
# What hashing costs is Django's matter, and the tests log in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A database and a queue for this very process: two runs at once, or the processes of
# one (pytest -n), must not meet, nor must a task that a test sends reach the workers
# of a stack whose Redis the tests are given. Redis has 16; 0 to 7 are left to others.
_project.DATABASES["default"]["TEST"] = {"NAME": f"test_order_desk_{os.getpid()}"}
_database = 8 + os.getpid() % 8
_redis = urlsplit(_project.REDIS_URL)
if _redis.scheme == "unix":
    REDIS_URL = f"unix://{_redis.path}?db={_database}"
else:
    REDIS_URL = _redis._replace(path=f"/{_database}").geturl()
CELERY_BROKER_URL = _project.broker_url(REDIS_URL)
