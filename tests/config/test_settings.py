from pathlib import Path

import pytest

from tests.config.asking import KEY, SERVERS, ask_settings, refusal, run_python


@pytest.mark.parametrize(
    "key",
    [
        "",
        "short",
        "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz-0123456789",
        "change-me-0123456789abcdefghijklmnopqrstuvwxyz-0123456789-0123456",
    ],
)
def test_a_missing_or_known_secret_key_stops_the_process(key: str) -> None:
    assert "SECRET_KEY" in refusal(SECRET_KEY=key)


def test_gunicorn_says_why_it_does_not_start() -> None:
    done = run_python(["-c", "import config.wsgi"], **SERVERS)

    assert done.returncode == 1
    assert done.stderr.startswith("SECRET_KEY is missing")


def test_celery_says_why_it_does_not_start() -> None:
    done = run_python(["-m", "celery", "-A", "config", "worker"], **SERVERS)

    assert done.returncode != 0
    assert "SECRET_KEY is missing" in done.stderr


def test_secrets_are_read_from_files_without_the_newline(tmp_path: Path) -> None:
    secrets = {"SECRET_KEY": KEY, **SERVERS, "DJANGO_SUPERUSER_PASSWORD": "of a file"}
    files = {}
    for name, secret in secrets.items():
        path = tmp_path / name
        path.write_text(f"{secret}\n")
        files[f"{name}_FILE"] = str(path)

    answer = ask_settings(
        *("SECRET_KEY", "DATABASES", "REDIS_URL", "FIRST_SUPERUSER_PASSWORD"),
        **dict.fromkeys(secrets, ""),
        **files,
    )

    assert answer["SECRET_KEY"] == KEY
    assert answer["DATABASES"]["default"]["PASSWORD"] == "p@ss"
    assert answer["REDIS_URL"] == SERVERS["REDIS_URL"]
    assert answer["FIRST_SUPERUSER_PASSWORD"] == "of a file"


def test_an_unreadable_secret_file_is_named(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")

    assert refusal(SECRET_KEY_FILE=absent).startswith(f"SECRET_KEY_FILE: {absent}")


def test_an_https_site_is_served_over_https_alone() -> None:
    answer = ask_settings(
        *("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SECURE_SSL_REDIRECT"),
        *("SECURE_HSTS_SECONDS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"),
        *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME"),
        SITE_URL="https://orders.example.com:8443/",
    )

    assert answer == {
        "ALLOWED_HOSTS": ["127.0.0.1", "[::1]", "localhost", "orders.example.com"],
        "CSRF_TRUSTED_ORIGINS": ["https://orders.example.com:8443"],
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
    }


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    answer = ask_settings(
        *("ALLOWED_HOSTS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_NAME"),
        SITE_URL=f"http://{host}:8000",
    )

    assert answer == {
        "ALLOWED_HOSTS": ["127.0.0.1", "[::1]", "localhost"],
        "SECURE_SSL_REDIRECT": False,
        "SESSION_COOKIE_NAME": "sessionid",
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://orders.example.com",
        "http://localhost.example.com",
        "orders.example.com",
        "https://",
        "https://orders.example.com/desk",
        "ftp://localhost",
        "https://orders.example.com:port",
    ],
)
def test_a_site_url_that_cannot_be_served_is_refused(url: str) -> None:
    assert refusal(SECRET_KEY=KEY, SITE_URL=url).startswith("SITE_URL must")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc/localtime"])
def test_a_business_time_zone_that_is_none_is_refused(zone: str) -> None:
    line = refusal(SECRET_KEY=KEY, BUSINESS_TIME_ZONE=zone)

    assert line.startswith("BUSINESS_TIME_ZONE must be an IANA name")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("DATABASE_POOL_SIZE", "-1"), ("LOG_LEVEL", "loud")],
)
def test_a_setting_of_the_wrong_kind_is_named(name: str, value: str) -> None:
    assert refusal(SECRET_KEY=KEY, **{name: value}).startswith(f"{name} must be")


def test_only_the_web_has_a_pool() -> None:
    worker = ask_settings("DATABASES")["DATABASES"]["default"]
    web = ask_settings("DATABASES", DATABASE_POOL_SIZE="4")["DATABASES"]["default"]

    assert "pool" not in worker["OPTIONS"]
    assert web["OPTIONS"]["pool"]["max_size"] == 4
    assert web["CONN_MAX_AGE"] == 0
    assert web["CONN_HEALTH_CHECKS"] is True


def test_options_of_the_database_url_are_kept() -> None:
    url = f"{SERVERS['DATABASE_URL']}?sslmode=verify-full"

    options = ask_settings("DATABASES", DATABASE_URL=url)["DATABASES"]["default"]

    assert options["OPTIONS"]["sslmode"] == "verify-full"
    assert options["OPTIONS"]["connect_timeout"] == 3


def test_a_task_ends_long_before_redis_gives_it_to_another_worker() -> None:
    answer = ask_settings(
        "CELERY_TASK_SOFT_TIME_LIMIT",
        "CELERY_TASK_TIME_LIMIT",
        "CELERY_BROKER_TRANSPORT_OPTIONS",
    )

    soft, hard = answer["CELERY_TASK_SOFT_TIME_LIMIT"], answer["CELERY_TASK_TIME_LIMIT"]
    assert 15 * 60 < soft < hard
    assert 3 * hard < answer["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"]


def test_the_deployment_check_is_clean() -> None:
    done = run_python(
        ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        SECRET_KEY=KEY,
        SITE_URL="https://orders.example.com",
        **SERVERS,
    )

    assert done.returncode == 0, done.stderr


def test_email_is_off_until_a_server_is_named() -> None:
    answer = ask_settings("EMAIL_IS_ON", "EMAIL_BACKEND", "DEFAULT_FROM_EMAIL")

    assert answer == {
        "EMAIL_IS_ON": False,
        "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        "DEFAULT_FROM_EMAIL": "order-desk@localhost",
    }


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://desk:p%40ss@mail.example.com", 25, False, False),
        ("smtp+tls://desk:p%40ss@mail.example.com", 587, True, False),
        ("smtp+ssl://desk:p%40ss@mail.example.com", 465, False, True),
        ("smtp+tls://desk:p%40ss@mail.example.com:2525", 2525, True, False),
    ],
)
def test_email_goes_by_the_server_named(
    url: str, port: int, tls: object, ssl: object
) -> None:
    answer = ask_settings(
        *("EMAIL_IS_ON", "EMAIL_HOST", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD"),
        *("EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_USE_SSL", "EMAIL_TIMEOUT"),
        EMAIL_URL=url,
    )

    assert list(answer.values()) == [
        *(True, "mail.example.com", "desk", "p@ss", port, tls, ssl, 10)
    ]


def test_a_bad_email_url_is_refused_without_its_password() -> None:
    said = refusal(SECRET_KEY=KEY, EMAIL_URL="imap://desk:hush@mail.example.com")

    assert said.startswith("EMAIL_URL must look like smtp+tls://")
    assert "hush" not in said


def test_who_is_told_is_a_list_of_addresses() -> None:
    answer = ask_settings(
        "SCHEDULING_ALERT_EMAILS",
        SCHEDULING_ALERT_EMAILS="anna@example.org, desk@example.org,",
    )

    assert answer["SCHEDULING_ALERT_EMAILS"] == ["anna@example.org", "desk@example.org"]
    assert "'anna' is not an e-mail address" in refusal(
        SECRET_KEY=KEY, SCHEDULING_ALERT_EMAILS="desk@example.org,anna"
    )


def test_who_writes_may_have_a_name() -> None:
    sender = "Order Desk <desk@example.com>"

    answer = ask_settings("DEFAULT_FROM_EMAIL", DEFAULT_FROM_EMAIL=sender)

    assert answer["DEFAULT_FROM_EMAIL"] == sender
    assert "DEFAULT_FROM_EMAIL" in refusal(SECRET_KEY=KEY, DEFAULT_FROM_EMAIL="desk")
