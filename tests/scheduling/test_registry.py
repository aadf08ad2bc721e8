"""What a task's signature offers to staff, and what it takes from a schedule."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import pytest
from celery import shared_task
from django.core.validators import MinValueValidator
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from scheduling import registry
from scheduling.parameters import (
    IllTypedError,
    ListOf,
    Moment,
    OneOf,
    Parameter,
    not_empty,
)
from scheduling.registry import NotSchedulableError
from tests.scheduling.tasks_of_tests import offered, own_registry


class Colour(models.TextChoices):
    RED = "red", "Fire engine"
    BLUE = "blue", "Sky"


class Size(enum.IntEnum):
    SMALL = 1
    EXTRA_LARGE = 2


class Tone(enum.StrEnum):
    DARK = "dark"


@pytest.fixture(autouse=True)
def _own_registry() -> Iterator[None]:
    with own_registry():
        yield


def parameter_of(annotation: Any) -> Parameter:
    """Return the parameter `value` of a task that annotates it so."""

    def takes(value: Any) -> None: ...

    takes.__annotations__["value"] = annotation
    (parameter,) = offered(takes).parameters
    return parameter


ACCEPTED = [
    (bool, True, True),
    (int, 0, 0),
    (int, -(10**30), -(10**30)),
    (float, 1, 1.0),
    (float, -0.5, -0.5),
    (str, "", ""),
    (str, "añb\n", "añb\n"),
    (date, "2026-08-31", date(2026, 8, 31)),
    (datetime, "2026-08-31T14:00:00Z", datetime(2026, 8, 31, 14, tzinfo=UTC)),
    (Literal["a", 1, True], "a", "a"),
    (Literal["a", 1, True], 1, 1),
    (Literal["a", 1, True], True, True),
    (Colour, "red", Colour.RED),
    (Size, 2, Size.EXTRA_LARGE),
    (Tone, "dark", Tone.DARK),
    (list[int], [], []),
    (list[Colour], ["blue", "red"], [Colour.BLUE, Colour.RED]),
    (int | None, None, None),
    (list[date] | None, ["2026-01-01"], [date(2026, 1, 1)]),
    (Annotated[int | None, MinValueValidator(1)], 1, 1),
    (Annotated[int | None, MinValueValidator(1)], None, None),
]


@pytest.mark.parametrize(("annotation", "value", "given_to_task"), ACCEPTED)
def test_a_value_that_fits_reaches_the_task_as_annotated(
    annotation: Any, value: Any, given_to_task: Any
) -> None:
    parameter = parameter_of(annotation)

    cleaned = parameter.clean(value)

    assert (type(cleaned), cleaned) == (type(given_to_task), given_to_task)


REFUSED = [
    (bool, 1, "value must be true or false, not 1."),
    (bool, "true", 'value must be true or false, not "true".'),
    (bool, None, "value must be true or false, not null."),
    (int, True, "value must be a whole number, not true."),
    (int, 1.0, "value must be a whole number, not 1.0."),
    (int, "1", 'value must be a whole number, not "1".'),
    (float, True, "value must be a number, not true."),
    (float, float("inf"), "value must be a number, not Infinity."),
    (float, float("nan"), "value must be a number, not NaN."),
    (str, 5, "value must be a text, not 5."),
    (str, None, "value must be a text, not null."),
    (str, "a\0b", "value must be a text without control characters."),
    (str, "\ud800", "value must be a text without control characters."),
    (date, "2026-02-31", 'value must be a date such as 2026-08-31, not "2026-02-31".'),
    (date, "20260831", 'value must be a date such as 2026-08-31, not "20260831".'),
    (date, 20260831, "value must be a date such as 2026-08-31, not 20260831."),
    (Literal["a", 1], True, 'value must be one of "a", 1, not true.'),
    (Literal[True], 1, "value must be one of true, not 1."),
    (Colour, "green", 'value must be one of "red", "blue", not "green".'),
    (Colour, ["red"], 'value must be one of "red", "blue", not ["red"].'),
    (Size, True, "value must be one of 1, 2, not true."),
    (list[int], [1, True], "value must be a list, each item a whole number, not [1, "),
    (list[int], {"1": 1}, "value must be a list, each item a whole number, not {"),
    (list[Colour], "red", 'value must be a list of any of "red", "blue", not "red".'),
    (
        Annotated[int | None, MinValueValidator(1)],
        0,
        "value does not take 0: Ensure this value is greater than or equal to 1.",
    ),
    (
        Annotated[list[int], not_empty],
        [],
        "value does not take []: Choose at least one.",
    ),
]


@pytest.mark.parametrize(("annotation", "value", "sentence"), REFUSED)
def test_a_value_that_does_not_fit_is_refused_with_a_sentence(
    annotation: Any, value: Any, sentence: str
) -> None:
    parameter = parameter_of(annotation)

    with pytest.raises(IllTypedError) as refusal:
        parameter.clean(value)

    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    "text", ["2026-08-31", "2026-08-31T14:00:00", "14:00", "soon", "2026-13-01T00:00Z"]
)
def test_a_time_needs_its_offset(text: str) -> None:
    with pytest.raises(IllTypedError, match="with its offset"):
        parameter_of(datetime).clean(text)


def test_a_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(IllTypedError, match=r"must be a number, not 1000.*…"):
        parameter_of(float).clean(10**400)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_whatever_is_cleaned_fits_or_is_refused(value: Any) -> None:
    for annotation, _, _ in ACCEPTED:
        with own_registry():
            parameter = parameter_of(annotation)

        try:
            cleaned = parameter.clean(value)
        except IllTypedError:
            continue

        assert parameter.clean(parameter.to_json(cleaned)) == cleaned


def test_choices_have_labels_for_staff() -> None:
    def labels(annotation: Any) -> list[tuple[Any, str]]:
        return [(one.json, one.label) for one in parameter_of(annotation).choices]

    assert labels(Colour) == [("red", "Fire engine"), ("blue", "Sky")]
    assert labels(list[Size]) == [(1, "Small"), (2, "Extra large")]
    assert labels(Literal["a", 2] | None) == [("a", "a"), (2, "2")]
    assert labels(str) == []


def test_a_parameter_knows_whether_it_must_be_given() -> None:
    def takes(
        at: datetime,
        *,
        colours: list[Colour] | None = None,
        since: date = date(2026, 1, 1),
        size: Size = Size.SMALL,
    ) -> None: ...

    at, colours, since, size = offered(takes).parameters

    assert (at.name, at.type, at.required, at.nullable) == ("at", Moment(), True, False)
    assert (colours.required, colours.default, colours.nullable) == (False, None, True)
    assert isinstance(colours.type, ListOf)
    assert isinstance(size.type, OneOf)
    assert (since.default, size.default) == ("2026-01-01", 1)
    assert at.in_words.startswith("a time with its offset")
    assert colours.in_words == 'a list of any of "red", "blue" or null'


def test_a_task_shows_its_docstring() -> None:
    def tidies() -> None:
        """Tidy up.

        All of it.
        """

    task = offered(tidies, min_interval=timedelta(hours=1))

    assert task.summary == "Tidy up."
    assert task.doc == "Tidy up.\n\nAll of it."
    assert task.min_interval == timedelta(hours=1)
    assert task.parameters == ()


def any_number(*numbers: int) -> None: ...
def any_keyword(**numbers: int) -> None: ...
def by_place(number: int, /) -> None: ...
def unannotated(number=1) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001
def an_object(number: object) -> None: ...
def a_mapping(numbers: dict[str, int]) -> None: ...
def a_bare_list(numbers: list) -> None: ...  # type: ignore[type-arg]
def two_types(number: int | str) -> None: ...
def bytes_literal(number: Literal[b"a"]) -> None: ...
def ill_default(number: int = None) -> None: ...  # type: ignore[assignment] # noqa: RUF013
def true_is_no_number(number: int = True) -> None: ...  # noqa: FBT002
def undated(since: date = "soon") -> None: ...  # type: ignore[assignment]
def slot_by_staff(slot: datetime) -> None: ...
def slot_as_text(slot: str | None = None) -> None: ...
def unknown_name(number: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (any_number, "*numbers cannot be given by name"),
        (any_keyword, "**numbers cannot be given by name"),
        (by_place, "number cannot be given by name"),
        (unannotated, "number has no annotation"),
        (an_object, "number: no form has a field for <class 'object'>"),
        (a_mapping, "numbers: no form has a field for dict"),
        (a_bare_list, "numbers: no form has a field for <class 'list'>"),
        (two_types, "number: int | str is more than one type"),
        (bytes_literal, "no JSON stands for the literal b'a'"),
        (ill_default, "the default of number does not fit"),
        (true_is_no_number, "the default of number does not fit"),
        (undated, "the default of since does not fit"),
        (slot_by_staff, "slot is filled in by the clock"),
        (slot_as_text, "slot is filled in by the clock"),
        (unknown_name, "name 'Nowhere' is not defined"),
    ],
)
def test_a_signature_that_no_form_can_offer_fails_at_import(
    function: Callable[..., None], reason: str
) -> None:
    with pytest.raises(NotSchedulableError) as refusal:
        offered(function)

    name = f"tests.{function.__name__}"
    assert str(refusal.value).startswith(f"{name} cannot be scheduled: ")
    assert reason in str(refusal.value)
    assert registry.find(name) is None


def test_the_slot_is_the_clocks() -> None:
    def takes(slot: datetime | None = None, limit: int = 1) -> None: ...

    task = offered(takes)

    assert task.takes_slot
    assert [parameter.name for parameter in task.parameters] == ["limit"]
    assert task.problems_with({"slot": None}) == [
        "slot is filled in by the clock: leave it out."
    ]
    assert task.by_name([5]) == {"limit": 5}


def test_the_slot_reaches_the_task_as_a_time() -> None:
    def takes(slot: datetime | None = None) -> None: ...

    slot = datetime(2026, 3, 1, tzinfo=UTC)

    assert offered(takes).received({"slot": slot.isoformat()}) == {"slot": slot}
    assert offered(takes).received({"slot": None}) == {"slot": None}


def test_what_a_caller_gives_in_python_stays_as_it_is() -> None:
    def takes(since: date, colour: Colour, number: int) -> None: ...

    given_values = {"since": date(2026, 1, 1), "colour": Colour.RED, "number": "1"}

    assert offered(takes).received(given_values) == given_values
    assert offered(takes).received({"unknown": 1}) == {"unknown": 1}


def test_each_argument_that_does_not_fit_has_its_sentence() -> None:
    def takes(limit: int, name: str, colour: Colour = Colour.RED) -> None: ...

    problems = offered(takes).problems_with({"limit": True, "days": 3})

    assert problems == [
        "limit must be a whole number, not true.",
        "days is not an argument of this task; it takes: limit, name, colour.",
        "name is missing: a text.",
    ]


def test_positional_arguments_go_by_the_signature() -> None:
    def takes(limit: int, *, name: str = "") -> None: ...

    task = offered(takes)

    assert task.by_name([3]) == {"limit": 3}
    with pytest.raises(IllTypedError, match="takes 1 positional arguments at most"):
        task.by_name([3, "a"])


def test_a_dry_run_is_given_what_the_task_would_be() -> None:
    def takes(since: date, limit: int = 3) -> None: ...
    def tells(since: date, limit: int = 3) -> str:
        return f"Would take {limit} from {since:%d %B}."

    task = offered(takes, dry_run=tells)

    assert task.dry_run(since="2026-03-01") == "Would take 3 from 01 March."
    with pytest.raises(IllTypedError, match="limit must be a whole number"):
        task.dry_run(since="2026-03-01", limit="3")


def test_a_task_without_a_dry_run_tells_nothing() -> None:
    def takes() -> None: ...

    assert offered(takes).dry_run() is None


def test_a_dry_run_with_other_parameters_fails_at_import() -> None:
    def takes(limit: int = 3) -> None: ...
    def tells() -> str:
        return ""

    with pytest.raises(NotSchedulableError, match="the parameters limit"):
        offered(takes, dry_run=tells)


def test_a_bound_task_offers_what_follows_self() -> None:
    @registry.schedulable()
    @shared_task(bind=True)
    def bound(self: Any, limit: int) -> int:  # noqa: ARG001 - Celery's
        return limit

    task = registry.find(bound.name)

    assert task is not None
    assert [parameter.name for parameter in task.parameters] == ["limit"]
    assert bound(limit=2) == 2


def test_the_project_offers_its_tasks_and_no_others() -> None:
    names = [task.name for task in registry.all_tasks()]

    assert [name for name in names if not name.startswith("tests.")] == [
        "orders.tasks.auto_close_old_orders",
        "scheduling.tasks.clean_up_expired_sessions",
    ]
