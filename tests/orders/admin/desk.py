"""The desk as a browser sees it: who is logged in, and what is sent."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from orders.models import Order

LIST = "admin:orders_order_changelist"


def staff(*rights: str) -> Client:
    """Return a browser in which a member of staff with these rights is logged in."""
    user = User.objects.create_user(
        username="-".join(["staff", *rights])[:150], password="x", is_staff=True
    )
    found = Permission.objects.filter(
        codename__in=rights, content_type__app_label="orders"
    )
    assert found.count() == len(rights)
    user.user_permissions.set(found)
    client = Client()
    client.force_login(user)
    return client


def page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def transition(name: str) -> str:
    return reverse("admin:orders_order_transition", args=[name])


def seen(orders: Iterable[Order]) -> str:
    """Return what a page that shows these orders as they are keeps of them."""
    keys = [order.pk for order in orders]
    rows = Order.objects.in_bulk(keys)
    return " ".join(f"{pk}:{rows[pk].version}" for pk in keys)


def send(client: Client, name: str, orders: Iterable[Order], **fields: Any) -> Any:
    """Confirm a transition on the page that asks for it, opened just now."""
    return client.post(transition(name), {"seen": seen(orders)} | fields)


def told(answer: Any) -> str:
    """Return all messages that an answer leaves for the next page."""
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def text(answer: Any) -> str:
    said: str = answer.content.decode()
    return said
