"""OpenVINO's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.backends.openvino import ir
from cgtool.errors import EngineError


def test_a_graph_that_openvino_can_not_convert_is_an_error() -> None:
    with pytest.raises(EngineError, match="openvino: the graph can't be converted"):
        ir.to_ir(b"no graph", half=True)


def test_ir_holds_its_weights_in_half(compiled: Path) -> None:
    graph_bytes = (compiled / "A_to_B-onnx-fp32.onnx").read_bytes()
    full, half = (len(ir.to_ir(graph_bytes, half=choice)[1]) for choice in (False, True))
    assert half < 0.6 * full


def test_the_version_is_a_plain_number() -> None:
    assert all(part.isdecimal() for part in ir.openvino_version().split("."))
