"""A stack that started from nothing: what is up, who may log in, what is repeated."""

import pytest

from tests.e2e.browser import Browser
from tests.e2e.stack import Stack

LONG_RUNNING = ["db", "redis", "web", "worker", "beat"]
ONE_SHOT = ["secrets", "migrate"]
HASH_OF_EVERY_SECRET = """
import hashlib, pathlib
for file in sorted(pathlib.Path("/run/order-desk").iterdir()):
    print(file.name, hashlib.sha256(file.read_bytes()).hexdigest())
"""


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_service_is_healthy_with_no_settings_given(stack: Stack, service: str) -> None:
    state = stack.container(service)["State"]

    assert state["Health"]["Status"] == "healthy"


@pytest.mark.parametrize("service", ONE_SHOT)
def test_one_shot_has_exited_with_success(stack: Stack, service: str) -> None:
    state = stack.container(service)["State"]

    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_address_of_the_site_leads_to_the_login_page(stack: Stack) -> None:
    page = Browser(stack.url).get("/")

    assert page.status == 200
    assert page.url.startswith(f"{stack.url}/admin/login/")
    assert {"username", "password", "csrfmiddlewaretoken"} <= page.fields.keys()


def test_printed_password_opens_admin(admin: Browser) -> None:
    page = admin.get("/admin/auth/user/")

    assert page.status == 200
    assert "admin" in page.text


def test_wrong_password_opens_nothing(stack: Stack) -> None:
    page = Browser(stack.url).log_in("admin", "not the password")

    assert page.url.startswith(f"{stack.url}/admin/login/")
    assert page.fields.get("password") is not None


def test_static_files_are_served(stack: Stack) -> None:
    page = Browser(stack.url).get("/admin/login/")
    stylesheet = page.text.split('rel="stylesheet" href="')[1].split('"')[0]

    assert Browser(stack.url).get(stylesheet).status == 200


def test_second_start_repeats_nothing(stack: Stack) -> None:
    secrets = stack.exec("web", "python", "-c", HASH_OF_EVERY_SECRET)
    printed = stack.compose("logs", "migrate").count("One-time password")

    stack.up()

    assert stack.exec("web", "python", "-c", HASH_OF_EVERY_SECRET) == secrets
    assert stack.compose("logs", "migrate").count("One-time password") == printed
    assert (
        stack.shell(
            "from django.contrib.auth.models import User;"
            "print(User.objects.filter(is_superuser=True).count())"
        )
        == "1"
    )
