"""The settings under test: the project's own, with what a test run must fix.

Only DATABASE_URL and REDIS_URL are taken from outside.
"""

import os
import secrets

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

from config.settings import *  # noqa: F403

# The manifest is made by collectstatic, of which a test has no need.
STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_AUTOREFRESH = True
# What hashing costs is Django's matter, and the tests log in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
