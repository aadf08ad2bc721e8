import threading

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings


def printed_password(output: str) -> str:
    [line] = [line for line in output.splitlines() if line.startswith("One-time")]
    return line.removeprefix("One-time password: ")


@pytest.mark.django_db
def test_the_first_superuser_logs_in_with_the_printed_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("ensure_superuser")

    user = User.objects.get()
    assert user.username == "admin"
    assert user.is_superuser
    assert user.check_password(printed_password(capsys.readouterr().out))


@pytest.mark.django_db
def test_a_second_call_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ensure_superuser")
    password = User.objects.get().password
    capsys.readouterr()

    call_command("ensure_superuser")

    assert capsys.readouterr().out == ""
    assert User.objects.get().password == password


@pytest.mark.django_db
def test_a_given_password_is_used_and_not_printed(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.FIRST_SUPERUSER_USERNAME = "grace"
    settings.FIRST_SUPERUSER_EMAIL = "grace@example.com"
    settings.FIRST_SUPERUSER_PASSWORD = "given and long"

    call_command("ensure_superuser")

    user = User.objects.get(username="grace", email="grace@example.com")
    assert user.check_password("given and long")
    assert "given and long" not in capsys.readouterr().out


@pytest.mark.django_db
def test_a_plain_user_of_the_name_is_not_promoted() -> None:
    User.objects.create_user("admin")

    with pytest.raises(CommandError, match="admin"):
        call_command("ensure_superuser")

    assert not User.objects.get().is_superuser


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_make_one_superuser(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = threading.Barrier(2)

    def start() -> None:
        both.wait()
        call_command("ensure_superuser")
        connection.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert User.objects.count() == 1
    password = printed_password(capsys.readouterr().out)
    assert User.objects.get().check_password(password)
