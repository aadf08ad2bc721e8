"""Sweeps in the desk: read, asked for, approved once, rung after the commit."""

import json
from base64 import b64decode
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from redis import Redis

from orders import autoclose
from orders.models import Actor, AutoCloseRun, ClosePolicy, Order, Origin
from tests.factories import open_orders
from tests.orders.admin.desk import staff, text, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_queue")]

LIST = "admin:orders_autocloserun_changelist"
START = "admin:orders_autocloserun_start"


def page_of(run: AutoCloseRun) -> str:
    return reverse("admin:orders_autocloserun_change", args=[run.pk])


def approval_of(run: AutoCloseRun) -> str:
    return reverse("admin:orders_autocloserun_approve", args=[run.pk])


def rung() -> list[str]:
    """Return the sweeps that the queue holds a message for."""
    with Redis.from_url(settings.REDIS_URL) as broker:
        messages: list[Any] = broker.lrange("celery", 0, -1)
    return [
        json.loads(b64decode(json.loads(message)["body"]))[0][0] for message in messages
    ]


def surge() -> AutoCloseRun:
    """Return a sweep that counted three orders where one was the limit."""
    ClosePolicy.objects.filter(kind="unpaid").update(surge_limit=1)
    open_orders(3, now=timezone.now() - timedelta(days=4))
    run = autoclose.start_run(
        by=Actor.system(Origin.TASK), trigger=AutoCloseRun.Trigger.SCHEDULE
    )
    autoclose.execute(run)
    run.refresh_from_db()
    assert run.state == AutoCloseRun.State.NEEDS_APPROVAL
    return run


def test_the_page_tells_what_a_sweep_did(admin_client: Client) -> None:
    run = surge()

    page = text(admin_client.get(page_of(run)))

    assert "Needs approval" in page
    assert "Unpaid: cancel" in page
    assert '<td class="amount">3</td>' in page
    assert "Approve 3 orders" in page


def test_a_sweep_is_approved_and_its_worker_told(
    admin_client: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    run = surge()

    with django_capture_on_commit_callbacks() as callbacks:
        answer = admin_client.post(approval_of(run))
    assert rung() == []
    for callback in callbacks:
        callback()

    approved = run.followed_by.get()
    assert answer["Location"] == page_of(approved)
    assert (approved.state, approved.approved_by) == ("queued", "admin")
    assert rung() == [str(approved.pk)]
    assert Order.objects.filter(status="open").count() == 3

    autoclose.execute(approved)

    assert Order.objects.filter(status="cancelled").count() == 3


def test_a_second_click_is_told_who_approved(admin_client: Client) -> None:
    run = surge()
    staff("approve_autoclose").post(approval_of(run))

    answer = admin_client.post(approval_of(run))

    assert answer["Location"] == page_of(run)
    assert "approved by staff-approve_autoclose already" in told(answer)
    assert run.followed_by.count() == 1


def test_a_sweep_that_waits_for_no_approval_gets_none(admin_client: Client) -> None:
    run = autoclose.start_run(
        by=Actor.system(Origin.TASK), trigger=AutoCloseRun.Trigger.SCHEDULE
    )
    autoclose.execute(run)

    answer = admin_client.post(approval_of(run))

    assert "does not need an approval" in told(answer)
    assert AutoCloseRun.objects.count() == 1


@pytest.mark.parametrize(("dry_run", "wanted"), [("yes", True), ("no", False)])
def test_a_sweep_is_asked_for(
    admin_client: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    dry_run: str,
    *,
    wanted: bool,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(reverse(START), {"dry_run": dry_run})

    run = AutoCloseRun.objects.get()
    assert answer["Location"] == page_of(run)
    assert run.dry_run is wanted
    assert (run.actor_label, run.origin, run.trigger) == ("admin", "admin", "manual")
    assert rung() == [str(run.pk)]


def test_where_the_broker_is_away_the_row_waits(
    admin_client: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    broker_away: None,  # noqa: ARG001 - what it is about
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(reverse(START), {"dry_run": "no"})

    assert "The queue cannot be reached at the moment." in told(answer)
    assert AutoCloseRun.objects.get().state == "queued"


def test_the_page_follows_a_sweep_that_goes_on(admin_client: Client) -> None:
    run = autoclose.start_run(
        by=Actor.system(Origin.TASK), trigger=AutoCloseRun.Trigger.SCHEDULE
    )
    waiting = text(admin_client.get(page_of(run)))
    autoclose.execute(run)
    done = text(admin_client.get(page_of(run)))

    assert 'http-equiv="refresh"' in waiting
    assert 'http-equiv="refresh"' not in done


def test_an_error_leads_to_its_order(admin_client: Client) -> None:
    (order,) = open_orders(1)
    run = surge()
    run.summary["errors"] = [
        {"order": str(order.pk), "error": "orders_order_sums_agree"},
        {"order": "0" * 32, "error": "gone"},
    ]
    run.save(update_fields=["summary"])

    page = text(admin_client.get(page_of(run)))

    assert reverse("admin:orders_order_change", args=[order.pk]) in page
    assert "orders_order_sums_agree" in page
    assert "gone" in page


def test_the_list_shows_sweeps_and_offers_runs_by_right(admin_client: Client) -> None:
    surge()

    manager = text(admin_client.get(reverse(LIST)))
    viewer = text(staff("view_autocloserun").get(reverse(LIST)))

    assert "Needs approval" in manager
    assert "Run now" in manager
    assert "Run now" not in viewer


def test_without_the_rights_nothing_is_started_or_approved() -> None:
    run = surge()
    viewer = staff("view_autocloserun", "change_order")
    runner = staff("run_autoclose")
    approver = staff("approve_autoclose")

    answers = [
        viewer.post(reverse(START), {"dry_run": "yes"}),
        viewer.post(approval_of(run)),
        runner.post(approval_of(run)),
        approver.post(reverse(START), {"dry_run": "no"}),
        staff().get(page_of(run)),
    ]

    assert {answer.status_code for answer in answers} == {HTTPStatus.FORBIDDEN}
    assert AutoCloseRun.objects.count() == 1
    assert "Approve 3 orders" not in text(runner.get(page_of(run)))


def test_reading_starts_nothing(admin_client: Client) -> None:
    run = surge()

    started = admin_client.get(reverse(START))
    approved = admin_client.get(approval_of(run))
    written = admin_client.post(page_of(run), {"state": "completed"})

    answers = {started.status_code, approved.status_code, written.status_code}
    assert answers == {HTTPStatus.METHOD_NOT_ALLOWED}
    assert AutoCloseRun.objects.count() == 1


@pytest.mark.parametrize("key", ["nonsense", "%00", "9" * 40, "0" * 32])
def test_a_sweep_that_does_not_exist_leads_back(admin_client: Client, key: str) -> None:
    shown = admin_client.get(f"/admin/orders/autocloserun/{key}/change/")
    approved = admin_client.post(f"/admin/orders/autocloserun/{key}/approve/")

    assert shown.status_code == approved.status_code == HTTPStatus.FOUND


@pytest.mark.parametrize("query", [{"state": "\0"}, {"trigger": "x"}, {"p": "\0"}])
def test_nonsense_in_the_address_is_no_error(
    admin_client: Client, query: dict[str, str]
) -> None:
    answer = admin_client.get(reverse(LIST), query)

    assert answer.status_code in (HTTPStatus.OK, HTTPStatus.FOUND)
