"""What every page of the desk has in common: records are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

from orders.models import Actor, Origin

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db import models
    from django.urls import URLPattern

admin.site.site_header = admin.site.site_title = "Order Desk"


def actor(request: HttpRequest) -> Actor:
    """Return whom a change asked for in the desk is put down to."""
    assert request.user.is_authenticated  # noqa: S101 - admin_view lets no other in
    return Actor.user(request.user, Origin.ADMIN)


def may(user: AbstractBaseUser | AnonymousUser, right: str) -> bool:
    """Tell whether a user has a right of this application, such as ``view_order``."""
    return user.has_perm(f"orders.{right}")  # type: ignore[union-attr] # our User has it


# A ModelAdmin is generic for the type checker alone.
class RecordAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pages of a table from which nothing is ever deleted, and no URL offers it.

    Any of ``view_rights`` lets a user in: whoever may act on a record must see it.
    ``change_right`` is what it takes to add and change rows here; by default
    nobody may. Lists are filtered by their own filters alone: Django would take
    any column from the address, and hand whatever it says to the database.
    """

    view_rights: tuple[str, ...] = ()
    change_right = ""
    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    def has_view_permission(
        self,
        request: HttpRequest,
        obj: models.Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return any(may(request.user, right) for right in self.view_rights)

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: models.Model | None = None,  # noqa: ARG002 - as above
    ) -> bool:
        return False

    def has_change_permission(
        self,
        request: HttpRequest,
        obj: models.Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return bool(self.change_right) and may(request.user, self.change_right)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.change_right) and may(request.user, self.change_right)

    def get_urls(self) -> list[URLPattern]:
        urls = super().get_urls()
        return [url for url in urls if not (url.name or "").endswith("_delete")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, title | (extra_context or {}))

    def lookup_allowed(
        self,
        lookup: str,
        value: str,  # noqa: ARG002 - Django's signature
        request: HttpRequest | None = None,  # noqa: ARG002 - as above
    ) -> bool:
        names = {getattr(item, "parameter_name", "") for item in self.list_filter}
        return lookup in names

    def show_unknown(self, request: HttpRequest) -> HttpResponse:
        """Return to the list: what was asked for does not exist."""
        messages.warning(request, f"There is no such {self.opts.verbose_name}.")
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return HttpResponseRedirect(reverse(name))


class PageAdmin(RecordAdmin):
    """Records that are read on a page of their own, and have no form to edit them.

    A subclass names the page's template and says what it takes (``describe``).
    """

    page_template = ""

    def describe(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Return the context of a record's page, its title among it."""
        raise NotImplementedError

    @method_decorator(require_safe)
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a record as it stands; it is changed by its services alone."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        record = self.get_object(request, unquote(object_id))
        if record is None:
            return self.show_unknown(request)
        site = self.admin_site.each_context(request)
        context = site | self.describe(request, record) | (extra_context or {})
        return TemplateResponse(request, self.page_template, context)
