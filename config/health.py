"""The health checks: whether the process is alive, and whether it can do its work."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.readiness import CHECKS, clock_faults_in_time


@require_safe
@never_cache
def livez(_request: HttpRequest) -> HttpResponse:
    """Answer without checking anything else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Report for each server that the site needs whether it answers in time.

    ``?deep=1`` also checks the clock: for monitoring, not for a load balancer, since
    the site works without the clock. A fault is named only by its kind, because error
    messages contain addresses.
    """
    faults = {name: check() for name, check in CHECKS.items()}
    if request.GET.get("deep") == "1" and not any(faults.values()):
        faults |= clock_faults_in_time()
    checks = {name: fault or "ok" for name, fault in faults.items()}
    return JsonResponse(
        {"ready": not any(faults.values()), "checks": checks},
        status=503 if any(faults.values()) else 200,
    )
