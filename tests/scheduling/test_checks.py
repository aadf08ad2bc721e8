"""Schedules are rows, never settings."""

from django.conf import settings as django_settings
from pytest_django import Settings

from config.celery import app
from scheduling.checks import check_beat_schedule_is_empty


def test_the_settings_hold_no_schedules() -> None:
    assert not getattr(django_settings, "CELERY_BEAT_SCHEDULE", {})
    assert app.conf.beat_schedule == {}
    assert check_beat_schedule_is_empty(None) == []


def test_a_schedule_in_the_settings_is_an_error(settings: Settings) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"nightly": {"task": "a.task", "schedule": 60}}

    errors = check_beat_schedule_is_empty(None)

    assert [error.id for error in errors] == ["scheduling.E001"]
    assert "nightly" in errors[0].msg
