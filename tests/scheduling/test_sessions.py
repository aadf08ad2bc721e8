"""Expired sessions go, and no others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from scheduling.sessions import delete_expired_sessions
from scheduling.tasks import clean_up_expired_sessions
from tests.scheduling.waiting import somebody_waits_for_us, until

NOW = datetime(2026, 3, 1, 3, 15, tzinfo=UTC)


def make_sessions(*keys: str, expire_date: datetime) -> None:
    Session.objects.bulk_create(
        Session(session_key=key, session_data="", expire_date=expire_date)
        for key in keys
    )


def remaining() -> list[str]:
    return list(Session.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.django_db
def test_clean_up_deletes_expired_sessions_alone() -> None:
    make_sessions("long-ago", expire_date=NOW - timedelta(days=400))
    make_sessions("just-now", expire_date=NOW - timedelta(microseconds=1))
    make_sessions("this-instant", expire_date=NOW)
    make_sessions("tomorrow", expire_date=NOW + timedelta(days=1))

    deleted = delete_expired_sessions(now=NOW)

    assert deleted == 2
    assert remaining() == ["this-instant", "tomorrow"]


@pytest.mark.django_db
def test_clean_up_goes_in_batches() -> None:
    for minutes in range(1, 6):
        make_sessions(f"s{minutes}", expire_date=NOW - timedelta(minutes=minutes))

    with CaptureQueriesContext(connection) as queries:
        deleted = delete_expired_sessions(now=NOW, batch_size=2)

    statements = [query["sql"] for query in queries if "DELETE" in query["sql"]]
    assert deleted == 5
    assert len(statements) == 3
    assert remaining() == []


@pytest.mark.django_db
def test_clean_up_passes_a_date_that_fills_several_batches() -> None:
    make_sessions(*"abcdefg", expire_date=NOW - timedelta(days=1))
    make_sessions("older", expire_date=NOW - timedelta(days=2))

    deleted = delete_expired_sessions(now=NOW, batch_size=3)

    assert deleted == 8
    assert remaining() == []


@pytest.mark.django_db
def test_clean_up_with_nothing_expired_deletes_nothing() -> None:
    make_sessions("tomorrow", expire_date=NOW + timedelta(days=1))

    assert delete_expired_sessions(now=NOW) == 0
    assert remaining() == ["tomorrow"]


@pytest.mark.django_db
def test_the_task_goes_by_the_present_time_and_says_how_many() -> None:
    make_sessions("past", expire_date=datetime.now(UTC) - timedelta(minutes=1))
    make_sessions("future", expire_date=datetime.now(UTC) + timedelta(minutes=1))

    assert clean_up_expired_sessions() == 1
    assert remaining() == ["future"]


@pytest.mark.django_db(transaction=True)
def test_clean_up_keeps_a_session_that_a_late_request_prolongs() -> None:
    make_sessions("prolonged", "expired", expire_date=NOW - timedelta(days=1))

    def clean_up() -> int:
        try:
            return delete_expired_sessions(now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Session.objects.filter(pk="prolonged").update(
                expire_date=NOW + timedelta(days=14)
            )
            cleaning = pool.submit(clean_up)
            until(somebody_waits_for_us)
        deleted = cleaning.result(60)

    assert deleted == 1
    assert remaining() == ["prolonged"]
