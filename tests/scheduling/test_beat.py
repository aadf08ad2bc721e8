"""Beat runs what stands in the tables."""

from datetime import UTC, datetime, timedelta

from django.contrib.sessions.models import Session
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from scheduling.seeding import apply_defaults
from tests.processes import StartCelery
from tests.scheduling.waiting import until


def expire_a_session(key: str) -> None:
    expired_at = datetime.now(UTC) - timedelta(minutes=1)
    Session.objects.create(session_key=key, session_data="", expire_date=expired_at)


def no_session_is_left() -> bool:
    return not Session.objects.exists()


def test_beat_runs_a_task_made_as_the_documentation_shows(
    start_celery: StartCelery,
) -> None:
    apply_defaults()
    seeded = set(PeriodicTask.objects.values_list("name", flat=True))
    start_celery("worker", "--pool=prefork", "--concurrency=1")
    beat = start_celery("beat")

    every_second, _ = IntervalSchedule.objects.get_or_create(
        every=1, period=IntervalSchedule.SECONDS
    )
    theirs, _ = PeriodicTask.objects.get_or_create(
        interval=every_second,
        name="Clean up all day",
        task="scheduling.tasks.clean_up_expired_sessions",
    )
    expire_a_session("first")
    until(no_session_is_left, seconds=60)
    expire_a_session("second")
    until(no_session_is_left, seconds=60)
    beat.ask_to_stop()

    assert beat.exit_code() == 0
    theirs.refresh_from_db()
    assert theirs.total_run_count >= 2
    assert theirs.last_run_at is not None
    names = set(PeriodicTask.objects.values_list("name", flat=True))
    assert names == seeded | {"Clean up all day"}
