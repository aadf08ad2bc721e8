"""Expired rows of the database session backend."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.sessions.models import Session
from django.utils import timezone

from scheduling.shutdown import stopping

BATCH_SIZE = 2_000


def delete_expired_sessions(
    *, now: datetime | None = None, batch_size: int = BATCH_SIZE
) -> int:
    """Delete the sessions that have expired, and return how many.

    Each batch is a transaction of its own, so that logins never wait for long. Ends
    after a batch if the worker has been asked to stop; the next run continues.
    """
    cutoff = now or timezone.now()
    deleted = 0
    for keys in _expired_batches(cutoff, batch_size):
        # A request that began before the expiry may have extended its session since
        # the keys were read, so the date is checked again.
        expired = Session.objects.filter(pk__in=keys, expire_date__lt=cutoff)
        deleted += expired.delete()[0]
        if stopping():
            break
    return deleted


def expired_in_words() -> str:
    """Return what deleting would do now, in a sentence. Reads only, one query."""
    expired = Session.objects.filter(expire_date__lt=timezone.now()).count()
    if not expired:
        return "Nothing to do: no session has expired."
    return f"Would delete {expired:,} expired session{'s' * (expired != 1)}."


def _expired_batches(cutoff: datetime, batch_size: int) -> Iterator[list[str]]:
    """Yield the keys of expired sessions, oldest first.

    Each batch starts at the date where the last one ended, not at the beginning of
    the index, which is full of entries just deleted. The caller deletes every batch
    before asking for the next, so sessions of that same date are not met twice.
    """
    expired = Session.objects.filter(expire_date__lt=cutoff).order_by(
        "expire_date", "session_key"
    )
    batch = list(expired.values_list("pk", "expire_date")[:batch_size])
    while batch:
        yield [key for key, _ in batch]
        rest = expired.filter(expire_date__gte=batch[-1][1])
        batch = list(rest.values_list("pk", "expire_date")[:batch_size])
