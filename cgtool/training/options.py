"""Options that say all about themselves: default, help, choices and bounds stand in one line of the record they fill.

A record is a frozen dataclass whose fields are made by `option`. What the command line offers and what is refused both
derive from it. A field may be such a record itself: outside of Python (on the command line, in JSON) its options stand
among the others, by their own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, cast

from cgtool.errors import UsageError

_T = TypeVar("_T")
_KEY = "option"


@dataclass(frozen=True)
class Option:
    """One option, as its record declares it.

    Attributes:
        name: Of the attribute, and of the key in JSON.
        default: Its value if nothing is said.
        kind: The type of its values, besides None.
        help: What it is, in a sentence.
        choices: The values it may have; empty for any.
        least: The smallest value.
        most: The largest value.
        metavar: How help writes its value; None for the type's name.
    """

    name: str
    default: Any
    kind: type[bool] | type[int] | type[float] | type[str]
    help: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    metavar: str | None = None

    @property
    def flag(self) -> str:
        """On the command line."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: Any) -> None:  # noqa: ANN401  # whatever came from the command line or from Python
        """Refuse a value that is no choice or out of bounds; None is none.

        Raises:
            UsageError: Naming the option and what it may be.
        """
        if value is None:
            return
        if self.choices and value not in self.choices:
            raise UsageError(f"{self.flag} {value} is unknown", hint=f"Known are {', '.join(self.choices)}")
        if (self.least is not None and not value >= self.least) or (self.most is not None and not value <= self.most):
            high = "" if self.most is None else f" and at most {self.most:g}"
            low = "" if self.least is None else f" at least {self.least:g}"
            raise UsageError(f"{self.flag} is {value}", hint=f"It must be{low}{high}")


def option(
    default: _T,
    help: str,  # click's word
    *,
    kind: type[int] | type[str] | None = None,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    metavar: str | None = None,
) -> _T:
    """A dataclass field that is an option; see `Option`. ``kind`` is needed where the default is None."""
    about = {"kind": kind or type(default), "help": help, "choices": choices, "least": least, "most": most}
    return field(default=default, metadata={_KEY: {**about, "metavar": metavar}})


def options_of(record: type[Any]) -> Iterator[Option]:
    """The options of a record and of the records in it, in the order of the fields."""
    for item in fields(record):
        if _KEY in item.metadata:
            yield Option(name=item.name, default=item.default, **item.metadata[_KEY])
        else:
            yield from options_of(_inner(item.default_factory))


def check_options(record: Any) -> None:  # noqa: ANN401  # any record of options
    """Refuse values that are no choices or out of bounds, but for those of records inside, which check their own.

    Raises:
        UsageError: Naming the option and what it may be.
    """
    for item in fields(record):
        if _KEY in item.metadata:
            Option(name=item.name, default=item.default, **item.metadata[_KEY]).check(getattr(record, item.name))


def flat(record: Any) -> dict[str, Any]:  # noqa: ANN401
    """All values by the options' names, those of records inside among them."""
    values: dict[str, Any] = {}
    for item in fields(record):
        value = getattr(record, item.name)
        values |= flat(value) if is_dataclass(value) else {item.name: value}
    return values


def build(record: type[_T], values: Mapping[str, Any]) -> _T:
    """The record with these values, by the options' names; what is missing has its default. `flat` turns it around."""
    arguments: dict[str, Any] = {}
    for item in fields(record):  # type: ignore[arg-type]  # a dataclass
        if _KEY not in item.metadata:
            arguments[item.name] = build(_inner(item.default_factory), values)
        elif item.name in values:
            arguments[item.name] = values[item.name]
    return record(**arguments)


def _inner(factory: Any) -> type[Any]:  # noqa: ANN401
    """The record inside: a field that is no option has one as its default_factory."""
    return cast(type[Any], factory)
