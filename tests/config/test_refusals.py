"""What staff see in place of a page: why not, and the way back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.defaults import server_error
from pytest_django import DjangoAssertNumQueries

from tests.scheduling.admin.desk import LIST, RUNS, VIEW, question, staff, text
from tests.scheduling.schedules import every, ran

RUN_LIST = reverse("admin:scheduling_run_changelist")
ORDERS = "orders.view_order"


def add(app_and_model: str) -> str:
    return reverse(f"admin:{app_and_model}_add")


def refused(answer: Any) -> str:
    """Return what a forbidden page says."""
    assert answer.status_code == 403
    return text(answer)


@pytest.mark.django_db
def test_who_may_look_is_told_what_is_missing_and_led_back() -> None:
    answer = staff(VIEW).get(f"{question('pause')}?schedule={every().pk}")

    said = refused(answer)
    assert "You may look at schedules, not pause them." in said
    assert "You are logged in as anna" in said
    assert f'href="{reverse(LIST)}">Back to schedules' in answer.content.decode()


@pytest.mark.django_db
def test_who_may_not_even_look_is_led_to_the_front_page() -> None:
    answer = staff().get(RUN_LIST)

    assert "You may not see runs." in refused(answer)
    assert "Back to" not in text(answer)
    assert f'href="{reverse("admin:index")}">Home' in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("right", "name", "sentence"),
    [
        (VIEW, "django_celery_beat_periodictask", "look at schedules, not add them."),
        (ORDERS, "orders_order", "look at orders, not add them."),
    ],
)
def test_what_django_refuses_without_a_word_gets_its_words(
    right: str, name: str, sentence: str
) -> None:
    assert f"You may {sentence}" in refused(staff(right).get(add(name)))


@pytest.mark.django_db
def test_a_forged_button_is_told_by_its_name() -> None:
    run = ran(every(), "failed")

    answer = staff(RUNS).post(reverse("admin:scheduling_run_retry", args=[run.pk]))

    assert "You may look at runs, not retry them." in refused(answer)


@pytest.mark.django_db
def test_a_form_from_before_the_login_leads_to_a_new_one() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("boss"))
    page = f"http://testserver{question('pause')}?schedule=1"

    answer = client.post(question("pause"), {"reason": "x"}, HTTP_REFERER=page)

    assert "send it once more from a new one" in refused(answer)
    assert f'href="{page}">Open the page again' in answer.content.decode()


@pytest.mark.django_db
def test_a_forged_form_leads_to_no_other_site() -> None:
    client = Client(enforce_csrf_checks=True)

    answer = client.post(
        reverse("admin:login"), {}, HTTP_REFERER="https://evil.example.com/"
    )

    assert "evil.example.com" not in refused(answer)
    assert "evil.example.com" not in answer.content.decode()


@pytest.mark.django_db
def test_a_visitor_who_finds_nothing_asks_nothing_of_the_database(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/wp-login.php")

    assert answer.status_code == 404
    assert "There is no such page" in text(answer)
    assert "Nothing stands at /wp-login.php" in text(answer)


@pytest.mark.django_db
def test_staff_who_find_nothing_are_led_to_the_list_above(
    admin_client: Client,
) -> None:
    answer = admin_client.get(f"{RUN_LIST}{uuid4()}/progress/")

    assert answer.status_code == 404
    assert f'href="{RUN_LIST}">Back to runs' in answer.content.decode()


def test_a_failure_of_the_site_is_told_without_a_database() -> None:
    answer = server_error(RequestFactory().get("/"))

    assert answer.status_code == 500
    assert "Something went wrong" in text(answer)
    assert b"http" not in answer.content


def test_a_name_that_is_not_the_sites_is_told_without_a_database(
    client: Client,
) -> None:
    answer = client.get("/livez/", HTTP_HOST="evil.example.com")

    assert answer.status_code == 400
    assert "The site does not understand this" in text(answer)
