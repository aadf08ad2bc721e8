"""The databases that arms work on: filled once by seed, then copied for each arm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from embedded.layout import DATABASE, prepare

SEED = 20_251_122
SKUS = 500
ARM = "benchmark_arm"
#: Of five orders four are overdue; the fifth is one of these, which nobody may touch.
BYSTANDERS = ("paid", "held", "exempt", "pending", "not_due")

ORDERS = """
INSERT INTO orders_order (id, channel, external_reference, status, cancel_reason,
    close_reason, source, payment_mode, currency, subtotal, order_discount, order_tax,
    discount_total, shipping_total, tax_total, grand_total, captured_total,
    refunded_total, charged_back_total, authorized_total, payments_pending,
    payments_pending_since, returns_open, qty_ordered, qty_fulfilled, qty_returned,
    qty_cancelled, customer_email, customer_name, customer_reference, billing_address,
    shipping_address, payment_due_at, hold_reason, automation_exempt, attention, tags,
    metadata, version, event_seq, created_at, placed_at, updated_at)
SELECT md5(%(seed)s || '/' || g)::uuid, '', '', 'open', '', '', 'web', 'online', 'EUR',
    20, 0, 0, 0, 5, 0, 25, CASE kind WHEN 'paid' THEN 25 ELSE 0 END, 0, 0, 0,
    CASE kind WHEN 'pending' THEN 1 ELSE 0 END,
    CASE kind WHEN 'pending' THEN now() END, 0, 2, 0, 0, 0,
    'customer' || g || '@example.org', 'Customer ' || g, kind, address, address,
    CASE kind WHEN 'not_due' THEN now() + interval '1 day'
        ELSE timestamptz '2025-01-04' + g * interval '1 second' END,
    CASE kind WHEN 'held' THEN 'Address to be confirmed' ELSE '' END,
    kind = 'exempt', '{}', '{}', '{}', 1, 2, at, at, at
FROM generate_series(1, %(orders)s) AS g,
    LATERAL (SELECT CASE g %% 5 WHEN 0 THEN (%(bystanders)s::text[])[1 + g / 5 %% 5]
        ELSE 'overdue' END AS kind,
        timestamptz '2025-01-01' + g * interval '1 second' AS at,
        jsonb_build_object('name', 'Customer ' || g, 'street', g || ' Harbour Road',
            'city', 'Rotterdam', 'postal_code', '3011', 'country', 'NL') AS address)
"""
STOCK = """
INSERT INTO orders_stockitem (sku, on_hand, reserved, allow_backorder)
SELECT 'SKU-' || g, 100000000, 0, false FROM generate_series(0, %(skus)s - 1) AS g
"""
# The multiplier spreads neighbours over the shelves.
LINES = """
INSERT INTO orders_orderline (order_id, position, sku, name, quantity, unit_price,
    discount_total, tax_total, line_total, requires_shipping, qty_reserved,
    qty_fulfilled, qty_returned, qty_cancelled)
SELECT o.id, p, 'SKU-' || (o.number * 7919 + p * 104729) %% %(skus)s, 'Enamel mug', 1,
    10, 0, 0, 10, true, 1, 0, 0, 0
FROM orders_order AS o, generate_series(1, 2) AS p ORDER BY o.number, p
"""
RESERVED = """
UPDATE orders_stockitem AS s SET reserved = v.n FROM
    (SELECT sku, sum(qty_reserved) AS n FROM orders_orderline GROUP BY sku) AS v
WHERE v.sku = s.sku
"""
PAYMENTS = """
INSERT INTO orders_payment (id, order_id, kind, status, amount, currency, provider,
    provider_reference, occurred_at, created_at, actor_kind, actor_id, actor_label)
SELECT md5(id || '/payment')::uuid, id, 'capture',
    CASE payments_pending WHEN 0 THEN 'succeeded' ELSE 'pending' END, grand_total,
    currency, 'card', number, placed_at, placed_at, 'system', '', 'system'
FROM orders_order WHERE captured_total > 0 OR payments_pending > 0
"""
EVENTS = """
INSERT INTO orders_orderevent (order_id, seq, type, occurred_at, actor_kind, actor_id,
    actor_label, run_id, request_id, origin, data, note, dedupe_key)
SELECT o.id, e.seq, e.type, o.placed_at, 'system', '', 'system', '', '', 'api',
    '{"changes": {"status": [null, null]}}', '', ''
FROM orders_order AS o, (VALUES (1, 'order.created'), (2, 'order.placed'))
    AS e (seq, type) ORDER BY o.number, e.seq
"""

_templates: list[str] = []


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Point Django's connection at a database inside the context."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def filled(overdue: int) -> str:
    """Return the name of a database with so many overdue orders."""
    return filled_by(partial(_fill, overdue * 5 // 4), f"benchmark_{overdue}")


def filled_by(fill: Callable[[], None], name: str) -> str:
    """Return the name of a database that a function fills, once for all questions.

    It is there until `templates` ends.
    """
    if name not in _templates:
        _create(name, "template0")
        _templates.append(name)
        with connected_to(name):
            call_command("migrate", verbosity=0)
            fill()
            settle()
    return name


@contextmanager
def templates() -> Iterator[None]:
    """Drop at the end of the context the databases that were made within."""
    try:
        yield
    finally:
        while _templates:
            _drop(_templates.pop())


def settle() -> None:
    """Leave nothing for later that would be charged to whoever comes first."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM (FREEZE, ANALYZE)")
        cursor.execute("CHECKPOINT")


@contextmanager
def fresh(template: str) -> Iterator[str]:
    """Copy a database for one arm; yield the copy's name."""
    _create(ARM, template)
    try:
        yield ARM
    finally:
        _drop(ARM)


def _create(name: str, template: str) -> None:
    _drop(name)
    _administer(
        "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy",
        sql.Identifier(name),
        sql.Identifier(template),
    )
    # One backend's processor time is then all that an arm takes from the server.
    _administer(
        "ALTER DATABASE {} SET max_parallel_workers_per_gather = 0",
        sql.Identifier(name),
    )


def session_on(name: str) -> psycopg.Connection:
    """Connect to a database without Django; each statement is a transaction."""
    to = prepare(settings.RUN_DIR).database_url
    return psycopg.connect(to, dbname=name, autocommit=True)


def _drop(name: str) -> None:
    _administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(name))


def _administer(statement: str, *names: sql.Composable) -> None:
    with session_on(DATABASE) as session:
        session.execute(sql.SQL(statement).format(*names))


def _fill(orders: int) -> None:
    given: dict[str, Any] = {
        "orders": orders,
        "seed": SEED,
        "skus": SKUS,
        "bystanders": list(BYSTANDERS),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (ORDERS, STOCK, LINES, RESERVED, PAYMENTS, EVENTS):
            cursor.execute(statement, given)
