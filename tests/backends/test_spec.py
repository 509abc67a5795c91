"""One engine: what derives from its description."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cgtool.backends.base import GeneratorSource, Origin
from cgtool.backends.spec import BuildOptions, EngineSpec, Shapes, Target
from cgtool.errors import EngineError, UsageError
from cgtool.pictures import Size

ORIGIN = Origin("summer2winter", ("summer", "winter"), "cd" * 32, 286, Size(508, 286))
SOURCE = GeneratorSource("ab" * 32, "summer2winter A_to_B", 4, lambda: pytest.fail("loaded"), origin=ORIGIN)
ONNX = EngineSpec(SOURCE, "onnx", "fp16", folder=Path("engines"))
TENSORRT = replace(
    ONNX,
    format="tensorrt",
    shapes=Shapes((1, 143, 143), (1, 288, 512), (4, 1016, 1016)),
    target=Target(tags=("sm89", "trt11.4")),
)


def test_names_say_what_it_is() -> None:
    assert ONNX.label == "summer2winter summer to winter: onnx fp16"
    assert ONNX.stem == "A_to_B-onnx-fp16"
    assert TENSORRT.stem == "A_to_B-tensorrt-fp16-1x288x512-sm89-trt11.4"
    assert TENSORRT.path(".engine") == Path("engines/A_to_B-tensorrt-fp16-1x288x512-sm89-trt11.4.engine")


def test_it_is_proven_at_the_size_that_it_is_made_for() -> None:
    assert ONNX.size == Size(508, 286)
    assert TENSORRT.size == Size(512, 288)


def test_shapes_know_what_they_hold() -> None:
    shapes = Shapes((1, 100, 200), (1, 286, 508), (4, 1000, 1200))
    assert (1, 286, 508) in shapes
    assert (4, 1000, 1200) in shapes
    assert (5, 286, 508) not in shapes
    assert (1, 99, 508) not in shapes
    assert (286, 508) not in shapes


def test_shapes_are_told_as_width_and_height() -> None:
    assert str(Shapes((1, 100, 200), (1, 286, 508), (4, 1000, 1200))) == "200x100 to 1200x1000, 1 to 4 per batch"
    assert str(Shapes((1, 8, 16), (1, 8, 16), (1, 8, 16))) == "16x8, 1 per batch"
    with pytest.raises(EngineError, match="the sizes 16x8, 8x8, 16x16 are not in order"):
        Shapes((1, 8, 16), (1, 8, 8), (1, 16, 16))


@pytest.mark.parametrize("wrong", [{"workspace_mb": 0}, {"optimization_level": 6}, {"optimization_level": -1}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="Use "):
        BuildOptions(**wrong)  # type: ignore[arg-type]  # integers alone
