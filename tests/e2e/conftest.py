"""The stack that `tests/e2e/run` has brought up, and a member of staff logged in."""

import os
import re

import pytest

from tests.e2e.browser import Browser
from tests.e2e.stack import ROOT, Stack

#: How many orders tests/data/superstore.csv holds.
ORDERS = 3985


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Return the stack that is up, named by the environment."""
    assert "COMPOSE_PROJECT_NAME" in os.environ, "start these with tests/e2e/run"
    return Stack(
        project=os.environ["COMPOSE_PROJECT_NAME"],
        url=f"http://localhost:{os.environ['PORT']}",
    )


@pytest.fixture(scope="session", autouse=True)
def first_password(stack: Stack) -> str:
    """Return the password that `migrate` printed; read before its log can go."""
    printed = re.search(r"One-time password: (\S+)", stack.compose("logs", "migrate"))
    assert printed, "migrate printed no password"
    return printed[1]


@pytest.fixture(scope="session")
def admin(stack: Stack, first_password: str) -> Browser:
    """Return a browser in which the first superuser is logged in."""
    browser = Browser(stack.url)
    page = browser.log_in("admin", first_password)
    assert page.url == f"{stack.url}/admin/", page.text
    return browser


@pytest.fixture(scope="session")
def real_orders(stack: Stack) -> str:
    """Import the real orders, twice; return where their file lies in the stack."""
    path = stack.put(ROOT / "tests/data/superstore.csv")
    first, second = (
        stack.manage("import_orders", path, "--format", "superstore") for _ in range(2)
    )
    assert first.startswith(f"{ORDERS:,} orders created, 0 unchanged"), first
    assert second.startswith(f"0 orders created, {ORDERS:,} unchanged"), second
    return path
