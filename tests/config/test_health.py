import socket
import time

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

ALL_WELL = {
    "ready": True,
    "checks": {"database": "ok", "migrations": "ok", "broker": "ok"},
}


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_livez_answers_without_the_database(client: Client) -> None:
    response = client.get("/livez")

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readyz_names_what_it_has_asked(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == ALL_WELL
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_health_is_asked_by_any_name_of_this_machine(
    client: Client, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/livez", headers={"host": "127.0.0.1:8000"}).status_code == 200
    assert client.get("/readyz", headers={"host": "localhost"}).status_code == 200
    assert client.get("/admin/login/").status_code == 301
    assert client.get("/livez", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.django_db
def test_readyz_says_that_the_broker_has_gone(
    client: Client, settings: Settings, closed_port: int
) -> None:
    settings.REDIS_URL = f"redis://:word@127.0.0.1:{closed_port}/0"

    response = client.get("/readyz")

    assert response.status_code == 503
    checks = {**ALL_WELL["checks"], "broker": "ConnectionError"}  # type: ignore[dict-item]
    assert response.json() == {"ready": False, "checks": checks}


@pytest.mark.django_db
def test_readyz_says_that_the_database_has_gone(
    client: Client, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", closed_port)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"] == {
        "database": "OperationalError",
        "migrations": "OperationalError",
        "broker": "ok",
    }


@pytest.mark.django_db
def test_readyz_does_not_wait_for_servers_that_say_nothing(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", port)
        started = time.monotonic()

        response = client.get("/readyz")

    assert response.status_code == 503
    assert time.monotonic() - started < 10
    assert response.json()["checks"]["broker"] == "TimeoutError"
    assert response.json()["checks"]["database"] == "ConnectionTimeout"


@pytest.mark.django_db(transaction=True)
def test_readyz_names_the_migration_that_is_missing(client: Client) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("sessions", "0001_initial")
    try:
        response = client.get("/readyz")
    finally:
        recorder.record_applied("sessions", "0001_initial")

    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == "sessions.0001_initial"


def test_the_root_leads_to_admin(client: Client) -> None:
    response = client.get("/")

    assert response.status_code == 302
    assert response["Location"] == "/admin/"
