"""Options that declare themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cgtool.errors import UsageError
from cgtool.training.options import build, check_options, flat, option, options_of


@dataclass(frozen=True)
class Inner:
    weight: float = option(1.0, "A weight.", least=0, most=2)
    kind: str = option("one", "A kind.", choices=("one", "two"))

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class Outer:
    count_of_all: int = option(3, "A number.", least=1)
    inner: Inner = field(default_factory=Inner)
    file: str | None = option(None, "A file.", kind=str, metavar="FILE")

    def __post_init__(self) -> None:
        check_options(self)


def test_options_of_records_inside_stand_among_the_others() -> None:
    found = list(options_of(Outer))
    assert [made.name for made in found] == ["count_of_all", "weight", "kind", "file"]
    assert [made.kind for made in found] == [int, float, str, str]
    assert [made.default for made in found] == [3, 1.0, "one", None]
    assert found[0].flag == "--count-of-all"
    assert found[3].metavar == "FILE"


def test_a_record_goes_through_a_flat_list() -> None:
    record = Outer(count_of_all=5, inner=Inner(weight=2.0), file="x")
    assert flat(record) == {"count_of_all": 5, "weight": 2.0, "kind": "one", "file": "x"}
    assert build(Outer, flat(record)) == record
    assert build(Outer, {"kind": "two"}) == Outer(inner=Inner(kind="two"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"count_of_all": 0}, "--count-of-all is 0. It must be at least 1"),
        ({"weight": 2.5}, "--weight is 2.5. It must be at least 0 and at most 2"),
        ({"weight": float("nan")}, "--weight is nan. It must be at least 0 and at most 2"),
        ({"kind": "three"}, "--kind three is unknown. Known are one, two"),
    ],
)
def test_what_is_refused_is_named_with_what_it_may_be(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(Outer, values)
    assert str(caught.value) == words
