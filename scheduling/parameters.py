"""The parameters of a task, as its signature declares them.

A schedule stores values as JSON; `clean` checks them and returns what the task is
given. `to_json` is the inverse, for values from a form.
"""

from __future__ import annotations

import enum
import json
import math
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from django.core.exceptions import ValidationError

LONGEST_SHOWN = 60

# Both are of any type at all; the names say on which side of `clean` a value stands.
Json = Any
Value = Any
Annotation = Any
Validator = Callable[[Any], None]


class IllTypedError(ValueError):
    """A value does not fit; str() is what it must be: "must be a date, not 5"."""


class UnknownTypeError(TypeError):
    """An annotation for which there is no form field; str() names it."""


@dataclass(frozen=True)
class Choice:
    """One of the values that are offered: as JSON, as the task gets it, in words."""

    json: str | int | bool
    value: Any
    label: str


class ValueType(ABC):
    """A type of parameter. Two of the same annotation are equal."""

    @property
    @abstractmethod
    def in_words(self) -> str:
        """Return what a value is: "a whole number"."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Return the values to choose from; none where any value will do."""
        return ()

    @abstractmethod
    def clean(self, value: Json) -> Value:
        """Return what the task is given. Raises IllTypedError; True is no number."""

    def to_json(self, value: Value) -> Json:
        """Return a value of the task's as it stands in a schedule."""
        return value

    def misfit(self, value: Json) -> IllTypedError:
        return IllTypedError(f"must be {self.in_words}, not {shown(value)}")


@dataclass(frozen=True)
class Boolean(ValueType):
    in_words = "true or false"

    def clean(self, value: Json) -> bool:
        if isinstance(value, bool):
            return value
        raise self.misfit(value)


@dataclass(frozen=True)
class Integer(ValueType):
    in_words = "a whole number"

    def clean(self, value: Json) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.misfit(value)


@dataclass(frozen=True)
class Number(ValueType):
    in_words = "a number"

    def clean(self, value: Json) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.misfit(value)
        try:
            number = float(value)
        except OverflowError:
            raise self.misfit(value) from None
        # JSON has no infinity, but 1e999 is one.
        if not math.isfinite(number):
            raise self.misfit(value)
        return number


@dataclass(frozen=True)
class Text(ValueType):
    in_words = "a text"

    def clean(self, value: Json) -> str:
        if not isinstance(value, str):
            raise self.misfit(value)
        if not is_storable(value):
            raise IllTypedError("must be a text without control characters")
        return value


@dataclass(frozen=True)
class Date(ValueType):
    in_words = "a date such as 2026-08-31"

    def clean(self, value: Json) -> date:
        if isinstance(value, str):
            try:
                found = date.fromisoformat(value)
            except ValueError:
                raise self.misfit(value) from None
            # Python takes 20260831 and 2026-W36-1 as well.
            if found.isoformat() == value:
                return found
        raise self.misfit(value)

    def to_json(self, value: Value) -> Json:
        return value.isoformat()


@dataclass(frozen=True)
class Moment(ValueType):
    in_words = "a time with its offset, such as 2026-08-31T14:00:00+02:00"

    def clean(self, value: Json) -> datetime:
        if isinstance(value, str):
            try:
                found = datetime.fromisoformat(value)
            except ValueError:
                raise self.misfit(value) from None
            if found.tzinfo is not None:
                return found
        raise self.misfit(value)

    def to_json(self, value: Value) -> Json:
        return value.isoformat()


@dataclass(frozen=True)
class OneOf(ValueType):
    """A Literal or an Enum."""

    offered: tuple[Choice, ...]

    @property
    def in_words(self) -> str:
        return "one of " + ", ".join(shown(choice.json) for choice in self.offered)

    @property
    def choices(self) -> tuple[Choice, ...]:
        return self.offered

    def clean(self, value: Json) -> Value:
        for choice in self.offered:
            # 1 == True, and neither stands for the other.
            if type(choice.json) is type(value) and choice.json == value:
                return choice.value
        raise self.misfit(value)

    def to_json(self, value: Value) -> Json:
        return value.value if isinstance(value, enum.Enum) else value


@dataclass(frozen=True)
class ListOf(ValueType):
    item: ValueType

    @property
    def in_words(self) -> str:
        if self.item.choices:
            return "a list of any of " + ", ".join(
                shown(choice.json) for choice in self.item.choices
            )
        return f"a list, each item {self.item.in_words}"

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Return what the items are chosen from: any number of these."""
        return self.item.choices

    def clean(self, value: Json) -> list[Any]:
        if not isinstance(value, list):
            raise self.misfit(value)
        try:
            return [self.item.clean(item) for item in value]
        except IllTypedError:
            raise self.misfit(value) from None

    def to_json(self, value: Value) -> Json:
        return [self.item.to_json(item) for item in value]


@dataclass(frozen=True)
class Parameter:
    """What staff may give a task: by name, and as JSON.

    ``default`` is as JSON too. ``nullable`` says that null will do: the annotation is
    Optional. ``validators`` are Django's, and go by what ``clean`` returns.
    """

    name: str
    type: ValueType
    required: bool
    default: Json = None
    nullable: bool = False
    validators: tuple[Validator, ...] = field(default=())

    @property
    def in_words(self) -> str:
        return self.type.in_words + (" or null" if self.nullable else "")

    @property
    def choices(self) -> tuple[Choice, ...]:
        return self.type.choices

    def clean(self, value: Json) -> Value:
        """Return what the task is given.

        Raises IllTypedError with a sentence that names the parameter.
        """
        if value is None and self.nullable:
            return None
        try:
            cleaned = self.type.clean(value)
            self._validate(cleaned)
        except IllTypedError as error:
            raise IllTypedError(f"{self.name} {error}.") from None
        return cleaned

    def to_json(self, value: Value) -> Json:
        """Return a value of the task's as it stands in a schedule."""
        return None if value is None else self.type.to_json(value)

    def _validate(self, value: Value) -> None:
        for validator in self.validators:
            try:
                validator(value)
            except ValidationError as error:
                reason = " ".join(error.messages).rstrip(".")
                raise IllTypedError(
                    f"does not take {shown(self.to_json(value))}: {reason}"
                ) from None


def not_empty(value: Sequence[Value]) -> None:
    """Validate that a list has an item; for Annotated, beside Django's validators."""
    if not value:
        raise ValidationError("Choose at least one.", code="empty")


def shown(value: Json) -> str:
    """Return a value as JSON, as much of it as a sentence bears."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can keep a text: no NUL, no half of a surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


_PLAIN: dict[Any, ValueType] = {
    bool: Boolean(),
    int: Integer(),
    float: Number(),
    str: Text(),
    date: Date(),
    datetime: Moment(),
}


def read_annotation(
    annotation: Annotation,
) -> tuple[ValueType, bool, tuple[Validator, ...]]:
    """Return the type, whether null will do, and the validators of Annotated.

    Raises UnknownTypeError.
    """
    if _origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        found, nullable, validators = read_annotation(inner)
        return found, nullable, (*validators, *(one for one in extras if callable(one)))
    members = _members(annotation)
    if len(members) == 1:
        return type_of(members[0]), False, ()
    others = [member for member in members if member is not types.NoneType]
    if len(others) != 1 or len(others) == len(members):
        raise UnknownTypeError(f"{annotation} is more than one type")
    found, _, validators = read_annotation(others[0])
    return found, True, validators


def type_of(annotation: Annotation) -> ValueType:
    """Return the type that an annotation other than Optional stands for."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if _origin(annotation) is Literal:
        return OneOf(tuple(map(_literal, get_args(annotation))))
    if _origin(annotation) is list:
        (item,) = get_args(annotation)
        return ListOf(type_of(item))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return OneOf(_members_of(annotation))
    raise UnknownTypeError(f"no form has a field for {annotation}")


def _origin(annotation: Annotation) -> Annotation:
    return get_origin(annotation)


def _members(annotation: Annotation) -> Sequence[Any]:
    is_union = _origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _literal(value: Value) -> Choice:
    if type(value) not in (str, int, bool):
        raise UnknownTypeError(f"no JSON stands for the literal {value!r}")
    return Choice(json=value, value=value, label=str(value))


def _members_of(choices: type[enum.Enum]) -> tuple[Choice, ...]:
    if not len(choices):
        raise UnknownTypeError(f"{choices.__name__} has no members")
    return tuple(map(_member, choices))


def _member(member: enum.Enum) -> Choice:
    value = member.value
    if type(value) not in (str, int):
        raise UnknownTypeError(f"no JSON stands for {member}")
    in_words = member.name.replace("_", " ").capitalize()
    return Choice(
        json=value, value=member, label=str(getattr(member, "label", in_words))
    )
