"""Filters of lists, each a fixed set of choices: no query looks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Q

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

Condition = Callable[[], Q]


class ChoiceFilter(admin.SimpleListFilter):
    """Rows that meet the condition of the choice; an unknown choice is none."""

    options: ClassVar[Iterable[tuple[str, str]]]
    conditions: ClassVar[Mapping[str, Condition]]

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: admin.ModelAdmin[Any],  # noqa: ARG002 - as above
    ) -> list[tuple[str, str]]:
        return list(self.options)

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        condition = self.conditions.get(self.value() or "")
        return queryset.filter(condition()) if condition else queryset


def column_filter(
    column: str,
    title: str,
    choices: Iterable[tuple[str, str]],
    groups: Mapping[tuple[str, str], Condition] | None = None,
) -> type[ChoiceFilter]:
    """Return a filter by a column's values, after named groups of them."""
    options = list(choices)
    grouped = groups or {}
    conditions = {value: equals(column, value) for value, _ in options}
    conditions |= {value: condition for (value, _), condition in grouped.items()}
    names = {
        "title": title,
        "parameter_name": column,
        "options": [*grouped, *options],
        "conditions": conditions,
    }
    return type(f"{column}_filter", (ChoiceFilter,), names)


def equals(column: str, value: str) -> Condition:
    return lambda: Q((column, value))
