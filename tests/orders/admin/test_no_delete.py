"""Nothing of the desk is ever deleted: no button, no action, no address."""

from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.db import models
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse

from orders import autoclose
from orders.models import Actor, AutoCloseRun, ClosePolicy, Order, Origin, StockItem
from tests.factories import open_order, stock
from tests.orders.admin.desk import text

pytestmark = pytest.mark.django_db


def policy() -> ClosePolicy:
    return ClosePolicy.objects.get(kind="completed")


def sweep() -> AutoCloseRun:
    return autoclose.start_run(
        by=Actor.system(Origin.TASK), trigger=AutoCloseRun.Trigger.SCHEDULE
    )


def item() -> StockItem:
    return stock("MUG", 5)


MAKERS: dict[type[models.Model], Callable[[], models.Model]] = {
    Order: open_order,
    ClosePolicy: policy,
    AutoCloseRun: sweep,
    StockItem: item,
}
every_table = pytest.mark.parametrize("model", MAKERS)


def test_the_desk_shows_these_tables_alone() -> None:
    ours = {
        model for model in admin.site._registry if model._meta.app_label == "orders"
    }

    assert ours == set(MAKERS)


@every_table
def test_there_is_no_address_that_deletes(
    admin_client: Client, model: type[models.Model]
) -> None:
    row = MAKERS[model]()
    name = model._meta.model_name

    with pytest.raises(NoReverseMatch):
        reverse(f"admin:orders_{name}_delete", args=[row.pk])
    admin_client.post(f"/admin/orders/{name}/{row.pk}/delete/", {"post": "yes"})

    assert model._default_manager.filter(pk=row.pk).exists()


@every_table
def test_there_is_no_action_that_deletes(
    admin_client: Client, model: type[models.Model]
) -> None:
    row = MAKERS[model]()
    url = reverse(f"admin:orders_{model._meta.model_name}_changelist")

    admin_client.post(
        url,
        {"action": "delete_selected", ACTION_CHECKBOX_NAME: [row.pk], "post": "yes"},
    )

    assert "delete_selected" not in text(admin_client.get(url))
    assert model._default_manager.filter(pk=row.pk).exists()


@every_table
def test_nobody_has_the_right_and_no_page_offers_it(
    admin_client: Client, admin_user: User, model: type[models.Model]
) -> None:
    row = MAKERS[model]()
    request = RequestFactory().get("/")
    request.user = admin_user

    page = admin_client.get(
        reverse(f"admin:orders_{model._meta.model_name}_change", args=[row.pk])
    )

    assert page.status_code == HTTPStatus.OK
    assert "deletelink" not in text(page)
    assert not admin.site._registry[model].has_delete_permission(request, row)
