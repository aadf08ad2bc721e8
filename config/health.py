"""What a health check may ask: does the process live, can it work."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.readiness import CHECKS, clock_faults_in_time


@require_safe
@never_cache
def livez(_request: HttpRequest) -> HttpResponse:
    """Answer, without asking anybody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say of each server that the site needs whether it answers in time.

    With ``?deep=1`` of the clock, too, whether it goes: for whoever watches the whole,
    and not for a load balancer, since the site works without. A failure is named by
    its kind: messages hold addresses.
    """
    faults = {name: check() for name, check in CHECKS.items()}
    if request.GET.get("deep") == "1" and not any(faults.values()):
        faults |= clock_faults_in_time()
    checks = {name: fault or "ok" for name, fault in faults.items()}
    return JsonResponse(
        {"ready": not any(faults.values()), "checks": checks},
        status=503 if any(faults.values()) else 200,
    )
