"""Policies in the desk: what may be written, and what each would do today."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.models import ClosePolicy
from tests.factories import open_orders
from tests.orders.admin.desk import staff, text

pytestmark = pytest.mark.django_db

LIST = "admin:orders_closepolicy_changelist"
ADD = "admin:orders_closepolicy_add"


def unpaid_online() -> ClosePolicy:
    return ClosePolicy.objects.get(kind="unpaid", match_payment_mode="online")


def page_of(policy: ClosePolicy) -> str:
    return reverse("admin:orders_closepolicy_change", args=[policy.pk])


def form(**fields: str) -> dict[str, str]:
    return {
        "kind": "unpaid",
        "match_payment_mode": "online",
        "match_source": "pos",
        "enabled": "on",
        "after": "2 days 12 hours",
        "grace": "36 h",
        "pending_wait": "7 days",
        "surge_limit": "",
    } | fields


def test_the_form_offers_only_what_a_sweep_heeds(admin_client: Client) -> None:
    page = admin_client.get(page_of(unpaid_online())).content.decode()

    assert 'name="surge_limit"' in page
    assert 'name="notify_customer"' not in page


def test_a_policy_is_added_with_durations_in_words(admin_client: Client) -> None:
    answer = admin_client.post(reverse(ADD), form())

    policy = ClosePolicy.objects.get(match_source="pos")
    assert answer.status_code == HTTPStatus.FOUND
    assert policy.after == timedelta(days=2, hours=12)
    assert policy.grace == timedelta(hours=36)


def test_the_form_shows_durations_as_it_takes_them(admin_client: Client) -> None:
    policy = unpaid_online()
    page = text(admin_client.get(page_of(policy)))

    assert 'value="3 days"' in page


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"after": "soon"}, "Write it as 15 min, 2 h"),
        ({"after": "3 days ago"}, "Write it as 15 min, 2 h"),
        ({"after": "-3 days"}, "Write it as 15 min, 2 h"),
        ({"after": ""}, "This field is required"),
        ({"after": "999999 days"}, "longer than 3650 days"),
        ({"after": "9" * 400 + " days"}, "Write it as 15 min, 2 h"),
        ({"match_source": ""}, "already exists"),
        ({"kind": "nonsense"}, "Select a valid choice"),
        ({"surge_limit": "-1"}, "greater than or equal to 0"),
        ({"surge_limit": "9" * 30}, "less than or equal to"),
    ],
)
def test_a_wrong_policy_is_told(
    admin_client: Client, fields: dict[str, str], problem: str
) -> None:
    count = ClosePolicy.objects.count()

    answer = admin_client.post(reverse(ADD), form(**fields))

    assert answer.status_code == HTTPStatus.OK
    assert problem in text(answer)
    assert ClosePolicy.objects.count() == count


def test_it_says_what_it_would_touch_today(admin_client: Client) -> None:
    open_orders(3, now=timezone.now() - timedelta(days=4))
    open_orders(2)

    page = text(admin_client.get(page_of(unpaid_online())))

    assert "it would affect <strong>3 orders</strong> now" in page


def test_a_disabled_policy_touches_none(admin_client: Client) -> None:
    open_orders(1, now=timezone.now() - timedelta(days=4))
    policy = unpaid_online()
    ClosePolicy.objects.filter(pk=policy.pk).update(enabled=False)

    assert "It is disabled" in text(admin_client.get(page_of(policy)))


def test_a_viewer_reads_policies_and_cannot_write_them() -> None:
    policy = unpaid_online()
    client = staff("view_closepolicy", "change_order", "run_autoclose")

    shown = client.get(page_of(policy))
    changed = client.post(page_of(policy), form(match_source="", after="1 day"))
    added = client.post(reverse(ADD), form())

    assert shown.status_code == HTTPStatus.OK
    assert changed.status_code == added.status_code == HTTPStatus.FORBIDDEN
    assert unpaid_online().after == timedelta(days=3)


def test_those_with_the_right_write_them() -> None:
    client = staff("change_closepolicy")

    changed = client.post(
        page_of(unpaid_online()), form(match_source="", after="4 days")
    )

    assert changed.status_code == HTTPStatus.FOUND
    assert unpaid_online().after == timedelta(days=4)


@pytest.mark.parametrize("query", [{"o": "9" * 30}, {"p": "9" * 30}, {"q": "\0"}])
def test_nonsense_in_the_address_is_no_error(
    admin_client: Client, query: dict[str, str]
) -> None:
    answer = admin_client.get(reverse(LIST), query)

    assert answer.status_code in (HTTPStatus.OK, HTTPStatus.FOUND)
