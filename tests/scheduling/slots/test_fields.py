"""What the fields of a crontab may say, and how they refuse the rest."""

from datetime import UTC, datetime

import pytest

from scheduling import slots
from scheduling.slots import Crontab, InvalidTimingError
from tests.scheduling.slots.definitions import of

# A Wednesday.
START = datetime(2026, 7, 1, tzinfo=UTC)


def weekdays(day_of_week: str) -> list[str]:
    """Return on which days of a week, from Monday on, the field is due."""
    rule = Crontab("0", "0", day_of_week=day_of_week)
    monday = datetime(2026, 7, 5, 12, tzinfo=UTC)
    end = datetime(2026, 7, 12, 12, tzinfo=UTC)
    return [f"{slot:%a}" for slot in slots.slots_between(of(rule), monday, end)]


@pytest.mark.parametrize(
    ("day_of_week", "expected"),
    [
        ("7", "Sun"),
        ("0", "Sun"),
        ("0,7", "Sun"),
        ("7-7", "Sun"),
        ("5-7", "Fri Sat Sun"),
        ("7-2", "Mon Tue Sun"),
        ("fri-7", "Fri Sat Sun"),
        ("fri-sun", "Fri Sat Sun"),
        ("6-1", "Mon Sat Sun"),
        ("1-7/2", "Mon Wed Fri Sun"),
        ("0-7", "Mon Tue Wed Thu Fri Sat Sun"),
        ("*/2", "Tue Thu Sat Sun"),
        ("*/7", "Sun"),
    ],
)
def test_seven_is_sunday(day_of_week: str, expected: str) -> None:
    assert weekdays(day_of_week) == expected.split()


def test_names_are_read_whatever_their_length_and_case() -> None:
    rule = Crontab("0", "0", "1", "September,FEB", "TUESDAY,thu")

    found = slots.next_slots(of(rule), START, 2)

    assert [f"{slot:%a %-d %b %Y}" for slot in found] == [
        "Tue 1 Sep 2026",
        "Tue 1 Feb 2028",
    ]


def test_blanks_around_the_parts_of_a_list_mean_nothing() -> None:
    assert slots.next_slots(of(Crontab(" 0, 30 ", "5 ")), START, 2) == [
        datetime(2026, 7, 1, 5, 0, tzinfo=UTC),
        datetime(2026, 7, 1, 5, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("rule", "field", "sentence"),
    [
        (
            Crontab(minute="60"),
            "minute",
            "Minute: '60' is not valid; use 0 to 59, as in 0,30.",
        ),
        (
            Crontab(minute=""),
            "minute",
            "Minute: an empty part is not valid; use 0 to 59, as in 0,30.",
        ),
        (
            Crontab(minute="1,,2"),
            "minute",
            "Minute: an empty part is not valid; use 0 to 59, as in 0,30.",
        ),
        (
            Crontab(hour="-1"),
            "hour",
            "Hour: an empty part is not valid; use 0 to 23, as in 8,20.",
        ),
        (
            Crontab(minute="00005"),
            "minute",
            "Minute: '00005' is not valid; use 0 to 59, as in 0,30.",
        ),
        (
            Crontab(minute="*/0"),
            "minute",
            "Minute: '*/0' is not valid; after the slash comes a step of 1 or "
            "more, as in */15.",
        ),
        (
            Crontab(minute="5/10"),
            "minute",
            "Minute: '5/10' is not valid; a step needs a range to walk, as in 0-59/2.",
        ),
        (
            Crontab(minute="1-5/2/3"),
            "minute",
            "Minute: '1-5/2/3' is not valid; after the slash comes a step of 1 or "
            "more, as in */15.",
        ),
        (
            Crontab(minute="mon"),
            "minute",
            "Minute: 'mon' is not valid; use 0 to 59, as in 0,30.",
        ),
        (
            Crontab(day_of_month="0"),
            "day_of_month",
            "Day of the month: '0' is not valid; use 1 to 31, as in 1,15.",
        ),
        (
            Crontab(month_of_year="mon"),
            "month_of_year",
            "Month: 'mon' is not valid; use 1 to 12 or names such as feb, as in 1,7.",
        ),
        (
            Crontab(day_of_week="8"),
            "day_of_week",
            "Day of the week: '8' is not valid; use 0 to 7 or names such as mon, "
            "as in 0,5.",
        ),
        (
            Crontab(day_of_week="²"),
            "day_of_week",
            "Day of the week: '²' is not valid; use 0 to 7 or names such as mon, "
            "as in 0,5.",
        ),
        (
            Crontab(day_of_month="31", month_of_year="2"),
            "day_of_month",
            "Day 31 never occurs in month 2: change the day or the month.",
        ),
        (
            Crontab(day_of_month="31", month_of_year="4,6,sep,nov"),
            "day_of_month",
            "Day 31 never occurs in month 4,6,sep,nov: change the day or the month.",
        ),
        (
            Crontab(zone="Europe/Berln"),
            "zone",
            "There is no time zone 'Europe/Berln': use an IANA name such as "
            "Europe/Berlin. Did you mean Europe/Berlin?",
        ),
        (
            Crontab(zone="../etc/passwd"),
            "zone",
            "There is no time zone '../etc/passwd': use an IANA name such as "
            "Europe/Berlin.",
        ),
        (
            Crontab(zone="Europe"),
            "zone",
            "There is no time zone 'Europe': use an IANA name such as Europe/Berlin.",
        ),
        (
            Crontab(zone=""),
            "zone",
            "There is no time zone '': use an IANA name such as Europe/Berlin.",
        ),
        # Whatever the host is set to.
        (
            Crontab(zone="localtime"),
            "zone",
            "There is no time zone 'localtime': use an IANA name such as "
            "Europe/Berlin.",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_remedy(
    rule: Crontab, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidTimingError) as refusal:
        slots.check(of(rule))

    assert (refusal.value.field, str(refusal.value)) == (field, sentence)


def test_a_refused_crontab_has_no_next_slot_either() -> None:
    with pytest.raises(InvalidTimingError, match="never occurs"):
        slots.next_slot(of(Crontab(day_of_month="30", month_of_year="2")), START)


def test_a_leap_day_on_one_weekday_is_found_beyond_a_century() -> None:
    monday = Crontab("0", "0", "29", "2", "1")
    last_of_its_century = datetime(2072, 2, 29, tzinfo=UTC)

    found = slots.next_slot(of(monday), last_of_its_century)

    assert found == datetime(2112, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("day_of_week", "0123456")
def test_a_leap_day_is_found_on_each_weekday(day_of_week: str) -> None:
    rule = Crontab("0", "0", "29", "2", day_of_week)

    found = slots.next_slots(of(rule), START, 5)

    assert {(slot.day, slot.month) for slot in found} == {(29, 2)}
    assert {slot.isoweekday() % 7 for slot in found} == {int(day_of_week)}
    assert len(found) == 5
