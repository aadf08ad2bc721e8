"""The one clock that decides: the database's."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

#: The least that two instants of the database can differ by.
AN_INSTANT = timedelta(microseconds=1)


def database_now() -> datetime:
    """Return the database's time at this moment, in UTC. One query.

    Not the transaction's start: in a caller's long transaction time goes on. A
    change is dated when it is asked for, before it waits for its lock; the order
    of events is their seq.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)  # noqa: S101 - narrows the driver's Any
    return now
