"""What every page of a table has in common: lists, records that are kept, logs.

A right that is named here is one of the model's own app: ``view_run``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db import models
    from django.db.models import QuerySet
    from django.urls import URLPattern

Page = Callable[..., HttpResponse]
#: The list of a log counts no further, and leads no further back: its filters do.
MOST_COUNTED = 10_000


def may(user: AbstractBaseUser | AnonymousUser, *rights: str) -> bool:
    """Tell whether a user has one of these rights of the clock's."""
    return _has_one(user, "scheduling", rights)


def _has_one(
    user: AbstractBaseUser | AnonymousUser, app: str, rights: tuple[str, ...]
) -> bool:
    return any(user.has_perm(f"{app}.{right}") for right in rights)  # type: ignore[union-attr] # our User has it


def may_not(do: str, what: str, *, may_look: bool) -> PermissionDenied:
    """Return a refusal that says what is missing: ``do`` is such as "pause them"."""
    if may_look:
        return PermissionDenied(f"You may look at {what}, not {do}.")
    return PermissionDenied(f"You may not see {what}.")


def post_alone(view: Page) -> Page:
    """Let a page of an admin answer to POST alone, and lead others back to its button.

    Whoever has to log in before a button is obeyed comes to its address by GET.
    """

    @wraps(view)
    def answer(
        pages: admin.ModelAdmin[Any], request: HttpRequest, **keys: Any
    ) -> HttpResponse:
        if request.method == "POST":
            return view(pages, request, **keys)
        site = pages.admin_site.each_context(request)
        context = site | {"title": "Nothing was done", "back": _button(pages, keys)}
        template = "scheduling/post_alone.html"
        headers = {"Allow": "POST"}
        return TemplateResponse(
            request,
            template,
            context,
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            headers=headers,
        )

    return answer


def _button(pages: admin.ModelAdmin[Any], keys: dict[str, Any]) -> str:
    """Return the page of the record that the address names, or else the list."""
    start = f"admin:{pages.opts.app_label}_{pages.opts.model_name}"
    if keys:
        return reverse(f"{start}_change", args=[*keys.values()])
    return reverse(f"{start}_changelist")


# A ModelAdmin is generic for the type checker alone.
class ListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list that is filtered by its own filters, and by no column from the address.

    Django would take any column, and hand whatever it is to say to the database.
    """

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    def lookup_allowed(
        self,
        lookup: str,
        value: str,  # noqa: ARG002 - Django's signature
        request: HttpRequest | None = None,  # noqa: ARG002 - as above
    ) -> bool:
        names = {getattr(item, "parameter_name", "") for item in self.list_filter}
        return lookup in names


class RecordAdmin(ListAdmin):
    """Pages of a table from which nothing is ever deleted, and no URL offers it.

    Any of ``view_rights`` lets a user in: whoever may act on a record must see it.
    ``change_right`` is what it takes to add and change rows here; by default
    nobody may.
    """

    view_rights: tuple[str, ...] = ()
    change_right = ""
    actions = None

    def has_view_permission(
        self,
        request: HttpRequest,
        obj: models.Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return _has_one(request.user, self.opts.app_label, self.view_rights)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

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
        return self._may_change(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may_change(request)

    def _may_change(self, request: HttpRequest) -> bool:
        rights = (self.change_right,) if self.change_right else ()
        return _has_one(request.user, self.opts.app_label, rights)

    def get_urls(self) -> list[URLPattern]:
        # What cannot be removed has no address, not a refusal.
        urls = super().get_urls()
        return [url for url in urls if not (url.name or "").endswith("_delete")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, title | (extra_context or {}))

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
            raise may_not("", str(self.opts.verbose_name_plural), may_look=False)
        record = self.get_object(request, unquote(object_id))
        if record is None:
            return self.show_unknown(request)
        site = self.admin_site.each_context(request)
        context = site | self.describe(request, record) | (extra_context or {})
        return TemplateResponse(request, self.page_template, context)


# A Paginator is generic for the type checker alone.
class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first rows, so that no list is counted to its end."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment] # a list's
        # In no order: the first to be found will do.
        return rows.order_by()[:MOST_COUNTED].count()


class LogAdmin(PageAdmin):
    """Records that only the clock makes, and without end: the newest are listed."""

    sortable_by = ()
    paginator = BoundedPaginator
    list_max_show_all = 0

    def get_urls(self) -> list[URLPattern]:
        return [url for url in super().get_urls() if not _adds(url)]

    @method_decorator(require_safe)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        bound = {"most_counted": MOST_COUNTED}
        return super().changelist_view(request, bound | (extra_context or {}))


def _adds(url: URLPattern) -> bool:
    return (url.name or "").endswith("_add")
