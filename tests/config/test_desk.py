"""What the site of Django Admin calls what staff find there."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.scheduling.admin.desk import RUNS, VIEW, staff, text

pytestmark = pytest.mark.django_db


def listed(client: Client, app: str) -> list[str]:
    """Return the names of an app's tables on the front page, in their order."""
    page = client.get(reverse("admin:index")).content.decode()
    tables = re.findall(rf'<div class="app-{app}.*?</table>', page, re.DOTALL)
    content = tables[-1] if tables else ""
    return re.findall(r'<th scope="row"[^>]*>\s*(?:<a[^>]*>)?([^<]+)', content)


def test_schedules_stand_first_among_what_the_clock_has(admin_client: Client) -> None:
    assert listed(admin_client, "django_celery_beat") == [
        "Schedules",
        "Runs",
        "Incidents",
        "Clocked",
        "Crontabs",
        "Intervals",
        "Solar events",
    ]


def test_the_site_and_its_apps_have_names(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:index")).content.decode()

    assert "Order Desk" in page
    assert "Clock" in re.findall(r'class="section"[^>]*>\s*([^<]+?)\s*<', page)
    assert "Periodic Tasks" not in page


@pytest.mark.parametrize(
    ("right", "app", "names"),
    [
        (VIEW, "django_celery_beat", ["Schedules"]),
        (RUNS, "scheduling", ["Runs"]),
    ],
)
def test_staff_find_what_they_may_see(right: str, app: str, names: list[str]) -> None:
    assert listed(staff(right), app) == names


def test_who_may_see_nothing_is_told_whom_to_ask() -> None:
    page = staff().get(reverse("admin:index"))

    assert "may not look at anything here yet. Ask whoever keeps" in text(page)


@pytest.mark.parametrize("app", ["scheduling", "django_celery_beat"])
def test_the_clock_has_one_page(admin_client: Client, app: str) -> None:
    page = admin_client.get(reverse("admin:app_list", args=[app])).content.decode()

    assert "<h1>Clock administration</h1>" in page
    assert {"Schedules", "Runs"} <= set(re.findall(r">([A-Z]\w+)</a>", page))


def test_no_page_of_orders_is_the_clocks(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:app_list", args=["orders"]))

    assert [app["app_label"] for app in page.context["app_list"]] == ["orders"]


@pytest.mark.parametrize("app", ["scheduling", "django_celery_beat", "orders"])
def test_each_app_has_its_own_page(admin_client: Client, app: str) -> None:
    assert admin_client.get(reverse("admin:app_list", args=[app])).status_code == 200
