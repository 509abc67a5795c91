"""Times and sizes as people write them."""

from __future__ import annotations

from fractions import Fraction

import click
import pytest

from cgtool.cli.convert import SizeType, TimeType
from cgtool.conversion.look import NetworkSize


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("0", Fraction(0)),
        ("12.5", Fraction(25, 2)),
        ("0.1", Fraction(1, 10)),
        (".04", Fraction(1, 25)),
        ("1:30", Fraction(90)),
        ("01:02:03.25", Fraction(14893, 4)),
        ("90:00", Fraction(5400)),
    ],
)
def test_times(written: str, seconds: Fraction) -> None:
    assert TimeType().convert(written, None, None) == seconds


@pytest.mark.parametrize("written", ["", "-1", "1:-2", "1:2:3:4", "soon", "1:", "nan", "inf", "1/0"])
def test_what_is_no_time(written: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time; write seconds"):
        TimeType().convert(written, None, None)


@pytest.mark.parametrize(("written", "size"), [("auto", "auto"), ("native", "native"), ("16", 16), ("8192", 8192)])
def test_sizes(written: str, size: NetworkSize) -> None:
    assert SizeType().convert(written, None, None) == size


@pytest.mark.parametrize("written", ["", "15", "8193", "-286", "1280x720", "286.5", "big"])
def test_what_is_no_size(written: str) -> None:
    with pytest.raises(click.BadParameter, match="from 16 to 8192 pixels"):
        SizeType().convert(written, None, None)
