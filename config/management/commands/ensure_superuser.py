"""Create the first superuser, once."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction


class Command(BaseCommand):
    """`manage.py ensure_superuser`; safe when several processes run it at once."""

    help = (
        "Creates the first superuser if there is none, and prints a one-time password"
        " that cannot be read again. DJANGO_SUPERUSER_USERNAME, _EMAIL and _PASSWORD"
        " define the account; a given password is not printed."
    )

    @transaction.atomic
    def handle(self, *_args: Any, **_options: Any) -> None:
        """Check and create under one lock: two starts must not print two passwords."""
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE auth_user IN SHARE ROW EXCLUSIVE MODE")
        if User.objects.filter(is_superuser=True).exists():
            return
        name = settings.FIRST_SUPERUSER_USERNAME
        if User.objects.filter(username=name).exists():
            message = (
                f"{name} is not a superuser: set another DJANGO_SUPERUSER_USERNAME."
            )
            raise CommandError(message)
        password = settings.FIRST_SUPERUSER_PASSWORD or secrets.token_urlsafe(15)
        User.objects.create_superuser(name, settings.FIRST_SUPERUSER_EMAIL, password)
        self.stdout.write(f"First superuser: {name}")
        if not settings.FIRST_SUPERUSER_PASSWORD:
            self.stdout.write(f"One-time password: {password}")
            self.stdout.write("It is shown only once. Change it after the first login.")
