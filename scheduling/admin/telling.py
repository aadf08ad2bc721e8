"""Many sentences in one message: some told one by one, the rest counted."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

#: So many are told, and named, one by one.
MOST_TOLD = 50


def in_lines(sentences: Sequence[object], *, heading: str = "") -> SafeString:
    more = len(sentences) - MOST_TOLD
    lines = [*([heading] if heading else []), *map(str, sentences[:MOST_TOLD])]
    if more > 0:
        lines.append(f"and {more} more")
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines))
