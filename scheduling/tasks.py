"""Celery entry points: thin."""

from celery import shared_task

from scheduling.sessions import delete_expired_sessions


@shared_task
def clean_up_expired_sessions() -> int:
    """Delete the login sessions that have expired; the result says how many."""
    return delete_expired_sessions()
