"""Random definitions of schedules, as hypothesis draws them."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from scheduling.slots import Crontab, Timing

MONTH_NAMES = ("jan", "feb", "march", "apr", "may", "june", "oct", "december")
WEEKDAY_NAMES = ("sun", "mon", "tuesday", "wed", "thu", "fri", "saturday")
FIRST_YEAR, LAST_YEAR = 2020, 2037

instants = st.datetimes(
    datetime(FIRST_YEAR, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(LAST_YEAR, 12, 31),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


def fields(
    first: int, last: int, names: tuple[str, ...] = ()
) -> st.SearchStrategy[str]:
    """Draw what a field can say: stars, numbers, names, ranges, steps, lists."""
    numbers = st.integers(first, last).map(str)
    words = st.one_of(numbers, st.sampled_from(names)) if names else numbers
    steps = st.integers(1, last).map(str)
    ranges = st.tuples(words, words).map("-".join)
    part = st.one_of(
        words,
        words,
        ranges,
        st.tuples(ranges, steps).map("/".join),
        steps.map("*/{}".format),
    )
    return st.one_of(
        st.just("*"),
        st.lists(part, min_size=1, max_size=4).map(",".join),
    )


def crontabs(
    zones: st.SearchStrategy[str], hours: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[Crontab]:
    return st.builds(
        Crontab,
        minute=fields(0, 59),
        hour=fields(0, 23) if hours is None else hours,
        day_of_month=st.one_of(st.just("*"), fields(1, 31)),
        month_of_year=st.one_of(st.just("*"), fields(1, 12, MONTH_NAMES)),
        day_of_week=st.one_of(st.just("*"), fields(0, 6, WEEKDAY_NAMES)),
        zone=zones,
    )


def of(rule: Crontab) -> Timing:
    """Return the timing of a rule that nothing bounds."""
    return Timing(rule, anchor=datetime(2020, 1, 1, tzinfo=UTC))
