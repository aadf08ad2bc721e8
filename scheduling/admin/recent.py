"""The newest runs of each schedule of a list, and the strip that shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django_celery_beat.models import PeriodicTask

from scheduling.formatting import format_duration, format_instant, number_of
from scheduling.models import Run

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

SHOWN = 20
NO_RUN = UUID(int=0)
SQUARE = (
    '<li><span class="{0}" title="{1}">'
    '<span class="visually-hidden">{1}</span></span></li>'
)
LINKED_SQUARE = (
    '<li><a class="{0}" title="{1}" href="{2}" tabindex="-1">'
    '<span class="visually-hidden">{1}</span></a></li>'
)
#: Of slots that beat wrote down together, the latest first.
NEWEST_FIRST = ("-created_at", "-slot", "id")
#: What a square and a line about a run say; the other columns may be large.
COLUMNS = (
    "periodic_task_id",
    "slot",
    "trigger",
    "state",
    "slots_missed",
    "created_at",
    "started_at",
    "finished_at",
)


def recent_runs(task_ids: Collection[int]) -> dict[int, list[Run]]:
    """Return the newest runs of each schedule, newest first. Two queries.

    One look into the index a schedule: a window over all their runs would read the
    whole past of a schedule that runs every minute.
    """
    newest = Run.objects.filter(periodic_task=OuterRef("pk")).order_by(*NEWEST_FIRST)
    found = PeriodicTask.objects.filter(pk__in=task_ids).values_list(
        "pk", ArraySubquery(newest.values("pk")[:SHOWN])
    )
    ids = dict(found)
    wanted = [run_id for run_ids in ids.values() for run_id in run_ids]
    runs = Run.objects.only(*COLUMNS).in_bulk(wanted)
    return {pk: [runs[one] for one in run_ids] for pk, run_ids in ids.items()}


def strip(runs: list[Run], *, linked: bool) -> SafeString:
    """Return a square for each run, the newest last; each leads to its run.

    Height and outline tell the states apart as well as colour does. Squares take no
    part in walking the page by keyboard: the history beside them lists the same.
    """
    before, _, after = _page_of_none().partition(str(NO_RUN))
    squares = format_html_join(
        "",
        LINKED_SQUARE if linked else SQUARE,
        (
            (run.state, in_a_line(run), f"{before}{run.pk}{after}")
            for run in reversed(runs)
        ),
    )
    return format_html(
        '<ol class="strip" aria-label="The last {}, the newest last">{}</ol>',
        number_of(len(runs), "run"),
        squares,
    )


def _page_of_none() -> str:
    """Return an address to put keys into: to look one up for each takes longest."""
    return reverse("admin:scheduling_run_change", args=[NO_RUN])


def in_a_line(run: Run) -> str:
    """Say when a run was due, what became of it, and how long it took."""
    when = run.slot or run.created_at
    by_hand = "" if run.slot else f" ({run.get_trigger_display().lower()})"
    facts = [run.get_state_display().lower(), *timings(run)]
    if run.slots_missed > 1:
        facts.append(f"{run.slots_missed} slots")
    return f"{format_instant(when)}{by_hand}: {', '.join(facts)}"


def timings(run: Run) -> list[str]:
    """Say how long a run took, and how long after its slot it started."""
    if run.started_at is None:
        return []
    said = []
    if run.finished_at:
        said.append(f"took {format_duration(run.finished_at - run.started_at)}")
    if run.slot:
        said.append(f"{format_duration(run.started_at - run.slot)} late")
    return said
