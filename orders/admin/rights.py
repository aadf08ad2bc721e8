"""Who asks for a change in the desk, and what that user may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orders.models import Actor, Origin

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest


def actor(request: HttpRequest) -> Actor:
    """Return whom a change asked for in the desk is put down to."""
    assert request.user.is_authenticated  # noqa: S101 - admin_view lets no other in
    return Actor.user(request.user, Origin.ADMIN)


def may(user: AbstractBaseUser | AnonymousUser, right: str) -> bool:
    """Tell whether a user has a right of this application, such as ``view_order``."""
    return user.has_perm(f"orders.{right}")  # type: ignore[union-attr] # our User has it
