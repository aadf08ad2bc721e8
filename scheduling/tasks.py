"""Celery entry points: thin."""

from celery import shared_task

from scheduling.registry import schedulable
from scheduling.sessions import delete_expired_sessions, expired_in_words


@schedulable(dry_run=expired_in_words)
@shared_task
def clean_up_expired_sessions() -> int:
    """Delete the login sessions that have expired; the result says how many."""
    return delete_expired_sessions()
