"""ONNX Runtime among the kinds of engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cgtool.backends.onnx.kind import KIND
from cgtool.backends.spec import EngineSpec
from cgtool.conversion.model import source_of
from cgtool.models.folder import read_model_folder

FRAMES = np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), dtype=np.uint8)


def test_a_file_and_a_source_give_the_same(compiled: Path) -> None:
    spec = EngineSpec(source_of(read_model_folder(compiled), "A_to_B"), "onnx", "fp32")
    data = (compiled / "A_to_B-onnx-fp32.onnx").read_bytes()
    with (
        KIND.open(spec, [data], "cpu", latency=False) as opened,
        KIND.open_source(spec, "cpu", latency=False) as made,
    ):
        assert opened.info == made.info
        np.testing.assert_array_equal(opened.infer(FRAMES), made.infer(FRAMES))


@pytest.mark.parametrize("asked", ["auto", "bf16", "fp16", "int8"])
def test_on_the_fly_it_computes_in_fp32_alone(asked: str) -> None:
    assert KIND.arithmetic("cpu", asked) == "fp32"  # type: ignore[arg-type]  # a parameter is any text
