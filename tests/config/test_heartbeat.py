import os
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from config.heartbeat import STALE_SECONDS, is_fresh, main, touch
from tests.processes import StartCelery


@pytest.fixture(autouse=True)
def _run_dir(settings: Settings, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path / "run"


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_a_process_touches_its_file_while_it_turns(
    start_celery: StartCelery, kind: str
) -> None:
    process = start_celery(kind)

    deadline = time.monotonic() + 60
    while not is_fresh(kind):
        assert time.monotonic() < deadline, "no heartbeat"
        time.sleep(0.05)
    process.ask_to_stop()

    assert process.exit_code() == 0
    assert main([kind]) == 0


def test_a_process_that_never_turned_is_not_well() -> None:
    assert main(["worker"]) == 1


def test_an_old_file_is_no_sign_of_life() -> None:
    touch("beat")
    now = time.time()

    assert is_fresh("beat", now=now + STALE_SECONDS - 1)
    assert not is_fresh("beat", now=now + STALE_SECONDS + 1)


def test_the_files_age_counts_and_not_its_presence(settings: Settings) -> None:
    touch("worker")
    long_ago = time.time() - STALE_SECONDS - 1
    os.utime(settings.RUN_DIR / "heartbeats" / "worker", (long_ago, long_ago))

    assert main(["worker"]) == 1


@pytest.mark.parametrize("arguments", [[], ["web"], ["worker", "beat"]])
def test_a_question_about_anything_else_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage" in capsys.readouterr().err
