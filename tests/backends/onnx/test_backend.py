"""ONNX Runtime's own ways to fail."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from cgtool.backends.onnx.backend import ONNXBackend
from cgtool.errors import EngineError
from tests.backends.support import Sources


def test_what_is_no_graph_is_refused(sources: Sources) -> None:
    whole = sources.graph("resnet", "fp32")
    for damaged in (b"", b"garbage" * 100, whole[: len(whole) // 2]):
        with pytest.raises(EngineError, match="onnx: resnet is refused: "):
            ONNXBackend(damaged, label="resnet", precision="fp32")


def test_a_graph_that_takes_no_frames_is_told_apart(sources: Sources) -> None:
    foreign = onnx.load_from_string(sources.graph("resnet", "fp32"))
    foreign.graph.input[0].name = foreign.graph.node[0].input[0] = "picture"
    with (
        ONNXBackend(foreign.SerializeToString(), label="resnet", precision="fp32") as backend,
        pytest.raises(EngineError, match=r"onnx: resnet failed \(1 frame of 8x8\)"),
    ):
        backend.infer(np.zeros((1, 8, 8, 3), np.uint8))
