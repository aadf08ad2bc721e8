"""Django's settings: the one module that reads the environment.

A default stands here only where it is safe in production. .env.example lists every
name and says what it is for.
"""

import re
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from environ import Env

import embedded

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
Env.read_env(BASE_DIR / ".env")


def _secret(name: str) -> str:
    """Return a secret from NAME_FILE's file, else from NAME, else ''."""
    file_name = env.str(f"{name}_FILE", default="")
    if not file_name:
        return str(env.str(name, default=""))
    try:
        return Path(file_name).read_text().rstrip("\r\n")
    except OSError as error:
        message = f"{name}_FILE: {file_name} cannot be read ({error.strerror})."
        raise ImproperlyConfigured(message) from error


def _number(name: str, default: int) -> int:
    text = env.str(name, default="") or str(default)
    if not text.isdecimal():
        message = f"{name} must be a whole number, not {text!r}."
        raise ImproperlyConfigured(message)
    return int(text)


def broker_url(redis_url: str) -> str:
    """Return the address as Kombu spells it, a socket's being the one that differs."""
    return redis_url.replace("unix://", "redis+socket://", 1).replace(
        "?db=", "?virtual_host=", 1
    )


DEBUG = env.bool("DEBUG", default=False)

# Servers --------------------------------------------------------------------

RUN_DIR = BASE_DIR / env.str("RUN_DIR", default=".run")
PORT = _number("PORT", default=8000)

_database_url = _secret("DATABASE_URL")
_redis_url = _secret("REDIS_URL")

# Whatever is not named is ours to run, which takes the wheels of `make run`.
EMBEDDED_SERVERS: embedded.Servers = embedded.Nothing()
_has_own_database = not _database_url
if not (_database_url and _redis_url):
    try:
        _layout = embedded.prepare(RUN_DIR)
    except embedded.NotInstalledError as error:
        raise ImproperlyConfigured(str(error)) from error
    EMBEDDED_SERVERS = embedded.EmbeddedServers(
        _layout,
        postgres=not _database_url,
        redis=not _redis_url,
        durable=env.bool("EMBEDDED_DURABLE", default=True),
    )
    _database_url = _database_url or _layout.database_url
    _redis_url = _redis_url or _layout.redis_url

# Secrets --------------------------------------------------------------------

PLACEHOLDERS = ("change", "placeholder", "insecure", "secret-key", "your-")
SHORTEST_SECRET_KEY = 50


def _secret_key() -> str:
    """Return SECRET_KEY, refusing one that everybody knows."""
    key = _secret("SECRET_KEY")
    if not key and env.bool("LOCAL_SECRET_KEY", default=_has_own_database):
        return embedded.secret_key(RUN_DIR)
    is_placeholder = any(word in key.lower() for word in PLACEHOLDERS)
    if DEBUG:
        return key or embedded.secret_key(RUN_DIR)
    if len(key) < SHORTEST_SECRET_KEY or is_placeholder:
        message = (
            "SECRET_KEY is missing, a placeholder or shorter than"
            f" {SHORTEST_SECRET_KEY} characters: set SECRET_KEY or SECRET_KEY_FILE."
        )
        raise ImproperlyConfigured(message)
    return key


SECRET_KEY = _secret_key()

# Whom `manage.py ensure_superuser` makes where there is no superuser.
FIRST_SUPERUSER_USERNAME = env.str("DJANGO_SUPERUSER_USERNAME", default="admin")
FIRST_SUPERUSER_EMAIL = env.str("DJANGO_SUPERUSER_EMAIL", default="")
FIRST_SUPERUSER_PASSWORD = _secret("DJANGO_SUPERUSER_PASSWORD")

# The site's address ---------------------------------------------------------

LOCAL_HOSTS = ["localhost", "127.0.0.1", "::1"]

SITE_URL = env.str("SITE_URL", default=f"http://localhost:{PORT}").rstrip("/")
_site = urlsplit(SITE_URL)
if not re.fullmatch(r"https?://([a-zA-Z0-9.-]+|\[[0-9a-f:]+\])(:\d+)?", SITE_URL):
    message = f"SITE_URL must look like https://orders.example.com, not {SITE_URL!r}."
    raise ImproperlyConfigured(message)
if _site.scheme == "http" and _site.hostname not in LOCAL_HOSTS:
    message = f"SITE_URL must be https for {_site.hostname}: http is for localhost."
    raise ImproperlyConfigured(message)

_is_https = _site.scheme == "https"
# Health checks ask the process itself, by its own name for itself.
ALLOWED_HOSTS = sorted({_site.hostname, "localhost", "127.0.0.1", "[::1]"})
if ":" in _site.hostname:
    ALLOWED_HOSTS.remove(_site.hostname)
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]

SECURE_SSL_REDIRECT = _is_https
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _is_https
SECURE_HSTS_PRELOAD = _is_https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
CSRF_COOKIE_HTTPONLY = True
# A browser takes a __Host- cookie from this very host over https alone.
_cookie_prefix = "__Host-" if _is_https else ""
SESSION_COOKIE_NAME = f"{_cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrftoken"
CSRF_FAILURE_VIEW = "config.refusals.forged"
X_FRAME_OPTIONS = "DENY"

# Django ---------------------------------------------------------------------

INSTALLED_APPS = [
    "orders",
    "scheduling",
    "config",
    "config.desk.ScheduleTablesConfig",
    "simple_history",
    "config.desk.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # It lets the versions of a schedule say who made them.
    "simple_history.middleware.HistoryRequestMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Where "midnight" is. Only schedules know of it; everything stored is UTC.
BUSINESS_TIME_ZONE = env.str("BUSINESS_TIME_ZONE", default="UTC")
try:
    ZoneInfo(BUSINESS_TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError, OSError) as error:
    message = (
        "BUSINESS_TIME_ZONE must be an IANA name such as Europe/Berlin,"
        f" not {BUSINESS_TIME_ZONE!r}."
    )
    raise ImproperlyConfigured(message) from error

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / env.str("STATIC_ROOT", default="staticfiles")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# PostgreSQL -----------------------------------------------------------------

# A statement is over long before a browser or a task gives up on it, and a
# connection whose server has gone is found dead within some ten seconds. So does
# PostgreSQL find one whose client has gone, or the locks of a lost sweep would
# hold up the next: a quarter of an hour, or two hours where nothing is under way.
_session = {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "5s",
    "tcp_keepalives_interval": "2s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "8s",
}
_database: dict[str, Any] = Env.db_url_config(_database_url)
_database |= {
    # A socket's directory travels in the URL as %2Fpath%2Fto%2Fit.
    "HOST": unquote(_database["HOST"] or ""),
    "ATOMIC_REQUESTS": False,
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        "connect_timeout": 3,
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 8000,
        "options": " ".join(f"-c {name}={value}" for name, value in _session.items()),
        **_database.get("OPTIONS", {}),
    },
}
# Only config/gunicorn.py sets it: a forked worker of Celery has one connection.
_pool_size = _number("DATABASE_POOL_SIZE", default=0)
if _pool_size:
    _database["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": _pool_size,
        "timeout": 5,
    }
DATABASES = {"default": _database}

# Celery ---------------------------------------------------------------------

REDIS_URL = _redis_url
CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = CELERY_EVENT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# There is nothing to clean up; with a time, beat makes a schedule for doing it.
CELERY_RESULT_EXPIRES = None
CELERY_TASK_ACKS_LATE = True
# With it on, a task that kills its process would come back for ever.
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# The sweep gives itself 15 minutes; three hard limits must fit into the time
# after which Redis hands a task that nobody acknowledged to another worker.
CELERY_TASK_SOFT_TIME_LIMIT = 20 * 60
CELERY_TASK_TIME_LIMIT = 25 * 60
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 90 * 60,
    # Without these, publishing to a Redis that hangs never returns.
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_BROKER_CONNECTION_TIMEOUT = 3
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "scheduling.beat:SlotScheduler"
# Schedules are rows; an entry here would undo staff's edits at every start.
CELERY_BEAT_SCHEDULE: dict[str, Any] = {}
DJANGO_CELERY_BEAT_TZ_AWARE = True

# E-mail ---------------------------------------------------------------------


def _email(url: str) -> dict[str, Any]:
    """Return the server of an address such as smtp+tls://user:password@host:587."""
    try:
        server: dict[str, Any] = Env.email_url_config(url)
    except (ImproperlyConfigured, ValueError) as error:
        # What is wrong is not repeated: a password stands in it.
        message = (
            "EMAIL_URL must look like smtp+tls://user:password@mail.example.com:587,"
            f" its beginning being one of {', '.join(Env.EMAIL_SCHEMES)}."
        )
        raise ImproperlyConfigured(message) from error
    return server


def _addresses(name: str, text: str) -> list[str]:
    """Return the e-mail addresses between commas, refusing what is none."""
    addresses = [one.strip() for one in text.split(",") if one.strip()]
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError as error:
            message = f"{name}: {address!r} is not an e-mail address."
            raise ImproperlyConfigured(message) from error
    return addresses


_email_url = _secret("EMAIL_URL")
# Without a server nothing is sent, and nothing pretends to have been.
EMAIL_IS_ON = bool(_email_url)
_server = _email(_email_url or "dummymail://")
EMAIL_BACKEND = _server["EMAIL_BACKEND"]
EMAIL_HOST = _server["EMAIL_HOST"] or "localhost"
EMAIL_USE_TLS = _server.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _server.get("EMAIL_USE_SSL", False)
EMAIL_PORT = _server["EMAIL_PORT"] or (
    465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25
)
EMAIL_HOST_USER = _server["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _server["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH = _server["EMAIL_FILE_PATH"] or None
# For every single answer of the server.
EMAIL_TIMEOUT = 10

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="")
if DEFAULT_FROM_EMAIL:
    # It may have a name before it: Order Desk <desk@example.com>.
    _addresses("DEFAULT_FROM_EMAIL", parseaddr(DEFAULT_FROM_EMAIL)[1] or "nothing")
else:
    _host = "localhost" if _site.hostname in LOCAL_HOSTS else _site.hostname
    DEFAULT_FROM_EMAIL = f"order-desk@{_host}"
# Who is told what is wrong with the clock, unless a schedule has an owner.
SCHEDULING_ALERT_EMAILS = _addresses(
    "SCHEDULING_ALERT_EMAILS", env.str("SCHEDULING_ALERT_EMAILS", default="")
)

# Logs -----------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    message = f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL!r}."
    raise ImproperlyConfigured(message)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "config.logformat.FieldFormatter"}},
    "handlers": {
        # Standard output belongs to what a command was asked to print.
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stderr",
            "formatter": "plain",
        }
    },
    "root": {
        "handlers": ["stderr"],
        "level": LOG_LEVEL,
    },
    # Django's own handlers would print each line a second time, or mail it.
    "loggers": {"django": {"handlers": [], "level": "INFO", "propagate": True}},
}
