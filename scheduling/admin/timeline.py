"""The picture of what will run and what ran, as shapes on lanes.

Places along a lane are percentages and everything else is pixels, so that the text
stays as large on a telephone as it is on a desk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from scheduling.clock import database_now
from scheduling.formatting import format_duration, format_instant, number_of
from scheduling.models import Run, Schedule
from scheduling.timeline import Due, Ran, Row, Span, draw

if TYPE_CHECKING:
    from django.db.models import QuerySet

SPANS = {"day": timedelta(days=1), "week": timedelta(days=7)}
SPAN_WORDS = {"day": "24 hours", "week": "7 days"}
LANES_A_PAGE = 40
#: Pixels: the axis above the lanes, and one lane with the name over it.
AXIS, LANE = 30, 46
#: A stretch this wide, in percent, has room for its words.
ROOM_FOR_WORDS = 30
#: So many slots to come are named in the table.
MOST_NAMED = 3
#: Words this near to a side, in percent, would stand out of the picture.
EDGE = 3
#: A shape for each state, around its place: no state is told by its colour alone.
BAR = "M-2,-7h4v14h-4z"
CROSS = "M-5,-5L5,5M5,-5L-5,5"
DIAMOND = "M0,-6L6,0L0,6L-6,0z"
ARROW = "M-4,-6L6,0L-4,6z"
GLYPHS = {
    Run.State.SUCCEEDED: BAR,
    Run.State.FAILED: CROSS,
    Run.State.LOST: CROSS,
    Run.State.MISSED: DIAMOND,
    Run.State.SKIPPED: "M-5,0h10",
    Run.State.PENDING: ARROW,
    Run.State.QUEUED: ARROW,
    Run.State.RUNNING: ARROW,
}
DUE = "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0"
OVERDUE = "M0,-7L7,6L-7,6z"
LEGEND = (
    ("due", DUE, "to come"),
    ("overdue", OVERDUE, "overdue"),
    ("running", ARROW, "waiting or at work"),
    ("succeeded", BAR, "succeeded"),
    ("failed", CROSS, "failed or lost"),
    ("missed", DIAMOND, "missed"),
    ("skipped", GLYPHS[Run.State.SKIPPED], "skipped"),
)


@dataclass(frozen=True)
class Shape:
    """A mark on a lane, or a band where it has a width; both in percent."""

    kind: str
    at: float
    title: str
    address: str
    glyph: str = ""
    width: float = 0
    words: str = ""


@dataclass(frozen=True)
class Tick:
    """A line across the lanes; a minor one has no words where room is scarce."""

    at: float
    words: str
    is_minor: bool

    @property
    def anchor(self) -> str:
        """Keep the words of the outermost lines within the picture."""
        if self.at < EDGE:
            return "start"
        return "end" if self.at > 100 - EDGE else "middle"


@dataclass(frozen=True)
class Lane:
    """A schedule in the picture, and the same in words for the table."""

    row: Row
    top: int
    address: str
    shapes: Sequence[Shape]
    ended: Sequence[tuple[str, str]]
    to_come: Sequence[str]


def may_see_schedules(request: HttpRequest) -> bool:
    """Tell whether a link to a schedule's page leads anywhere."""
    return admin.site.get_model_admin(PeriodicTask).has_view_permission(request)


def show_timeline(request: HttpRequest, site: dict[str, Any]) -> HttpResponse:
    """Answer with the picture that the address asks for."""
    chosen = request.GET.get("span", "")
    name = chosen if chosen in SPANS else "day"
    zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
    span = Span(database_now(), SPANS[name], zone)
    query = request.GET.get("q", "").replace("\0", "").strip()
    only_trouble = request.GET.get("only") == "trouble"
    schedules = _schedules(span, query, only_trouble=only_trouble)
    page = Paginator(schedules, LANES_A_PAGE).get_page(request.GET.get("p"))
    lanes = list(_lanes(draw(page.object_list, span), span, zone, request))
    context = {
        "title": f"The next and the last {SPAN_WORDS[name]}",
        "span": span,
        "span_name": name,
        "span_words": SPAN_WORDS[name],
        "others": [(key, SPAN_WORDS[key]) for key in SPANS],
        "query": query,
        "only_trouble": only_trouble,
        "page": page,
        "address": urlencode(
            {"span": name, "q": query} | ({"only": "trouble"} if only_trouble else {})
        ),
        "lanes": lanes,
        "ticks": list(_ticks(span, zone)),
        "zone": zone,
        "height": AXIS + LANE * len(lanes),
        "legend": LEGEND,
    }
    return TemplateResponse(request, "scheduling/timeline.html", site | context)


def _schedules(span: Span, query: str, *, only_trouble: bool) -> QuerySet[Schedule]:
    schedules = Schedule.objects.select_related("periodic_task")
    if query:
        schedules = schedules.filter(periodic_task__name__icontains=query)
    if only_trouble:
        failed = Run.objects.failed().filter(created_at__gt=span.start)
        schedules = schedules.filter(pk__in=failed.order_by().values("periodic_task"))
    return schedules.order_by("periodic_task__name", "pk")


def _lanes(
    rows: Sequence[Row], span: Span, zone: tzinfo, request: HttpRequest
) -> Iterator[Lane]:
    is_linked = may_see_schedules(request)
    for index, row in enumerate(rows):
        address = _schedule_page(row) if is_linked else ""
        yield Lane(
            row=row,
            top=AXIS + LANE * index,
            address=address,
            shapes=list(_shapes(row, span, zone, address)),
            ended=list(_ended(row)),
            to_come=list(_to_come(row, zone)),
        )


def _shapes(row: Row, span: Span, zone: tzinfo, address: str) -> Iterator[Shape]:
    # What went wrong is drawn last, over what went well.
    for ran in sorted(row.ran, key=lambda one: one.state in Run.FAILED_STATES):
        yield _shape_of_run(row, ran, span, zone)
    if row.overdue:
        title = f"Overdue since {format_instant(row.overdue, zone)}"
        at = max(0.0, _place(row.overdue, span))
        yield Shape("overdue", at, title, address, OVERDUE)
    for due in row.due:
        at, width = _extent(due, span)
        title = _due_words(due, zone)
        words = due.every if width > ROOM_FOR_WORDS else ""
        yield Shape("due", at, title, address, DUE, width, words)


def _shape_of_run(row: Row, ran: Ran, span: Span, zone: tzinfo) -> Shape:
    at, width = _extent(ran, span)
    title = f"{ran.state.label}: {format_instant(ran.first, zone)}"
    address = reverse("admin:scheduling_run_change", args=[ran.run_id])
    if ran.count > 1:
        until = format_instant(ran.last, zone)
        title = f"{number_of(ran.count, 'run')} {ran.state.label.lower()}, to {until}"
        address = _runs(row, ran.state)
    return Shape(ran.state, at, title, address, GLYPHS[ran.state], width)


def _place(at: datetime, span: Span) -> float:
    """Return how far along its lane an instant is, in percent."""
    return round(100 * ((at - span.start) / (2 * span.length)), 3)


def _extent(thing: Due | Ran, span: Span) -> tuple[float, float]:
    at = _place(thing.first, span)
    return at, round(_place(thing.last, span) - at, 3)


def _ticks(span: Span, zone: tzinfo) -> Iterator[Tick]:
    """Yield the local midnights, and for a day the quarters between them."""
    is_day = span.length <= SPANS["day"]
    hours = (0, 6, 12, 18) if is_day else (0,)
    first = span.start.astimezone(zone).date()
    for day in range((2 * span.length).days + 2):
        for hour in hours:
            local = datetime.combine(first + timedelta(days=day), time(hour), zone)
            at = _place(local.astimezone(UTC), span)
            if 0 <= at <= 100:  # noqa: PLR2004 - percent
                words = f"{local:%H:%M}" if hour else f"{local:%a} {local.day}"
                is_minor = bool(hour % 12) if is_day else bool(day % 3)
                yield Tick(at, words, is_minor)


def _ended(row: Row) -> Iterator[tuple[str, str]]:
    """Yield how many runs came to which end, each with the list of them."""
    for state in Run.State:
        count = sum(ran.count for ran in row.ran if ran.state == state)
        if count:
            yield f"{count:,} {state.label.lower()}", _runs(row, state)


def _to_come(row: Row, zone: tzinfo) -> Iterator[str]:
    for due in row.due[:MOST_NAMED]:
        yield _due_words(due, zone)
    more = len(row.due) - MOST_NAMED
    if more > 0:
        yield f"and {more:,} more"


def _due_words(due: Due, zone: tzinfo) -> str:
    first = format_instant(due.first, zone)
    if not due.every:
        return first
    lasts = format_duration(due.last - due.first)
    return f"{due.every} from {first}, for {lasts}"


def _runs(row: Row, state: Run.State) -> str:
    query = urlencode({"schedule": row.schedule.pk, "state": state})
    return f"{reverse('admin:scheduling_run_changelist')}?{query}"


def _schedule_page(row: Row) -> str:
    return reverse(
        "admin:django_celery_beat_periodictask_change", args=[row.schedule.pk]
    )
