"""What the site answers in place of a page: why not, and where to go from there.

In the look of Django Admin, for all that is told here is told to staff. Where the site
itself has failed, or the request is no request, Django shows 500.html or 400.html,
which ask nobody for anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from scheduling.admin.records import may_not

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: How the names of addresses end at which Django Admin does something.
DONE_AT = ("add", "change", "delete")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say what the user may not do; a refusal that says it itself is believed."""
    above = _list_above(request)
    sentence = str(exception) or _what_is_lacking(request, above)
    return _page(request, "403.html", above, status=403, sentence=sentence)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return _page(request, "404.html", _list_above(request), status=404)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer a form without the token of this login: mostly, one from before it."""
    again = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(again, {request.get_host()}):
        again = ""
    above = _list_above(request)
    return _page(request, "403_csrf.html", above, status=403, again=again)


def _page(
    request: HttpRequest,
    template: str,
    above: admin.ModelAdmin[Any] | None,
    *,
    status: int,
    **told: str,
) -> HttpResponse:
    context: dict[str, Any] = told | admin.site.each_context(request)
    # These pages lead back, and nowhere else.
    context["is_nav_sidebar_enabled"] = False
    if above and above.has_view_permission(request):
        context["list_name"] = above.opts.verbose_name_plural
        context["list_address"] = _address_of(above)
    return render(request, template, context, status=status)


def _list_above(request: HttpRequest) -> admin.ModelAdmin[Any] | None:
    """Return whose list stands above the address, or stands there itself."""
    for one in admin.site._registry.values():  # noqa: SLF001 - as Django's own views
        if request.path.startswith(_address_of(one)):
            return one
    return None


def _address_of(model_admin: admin.ModelAdmin[Any]) -> str:
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")


def _what_is_lacking(request: HttpRequest, above: admin.ModelAdmin[Any] | None) -> str:
    if above is None:
        return "Your account does not have the right to do this."
    match = request.resolver_match
    *_, last = (match.url_name or "" if match else "").split("_")
    do = f"{last} them" if last in DONE_AT else "do this"
    plural = str(above.opts.verbose_name_plural)
    return str(may_not(do, plural, may_look=above.has_view_permission(request)))
