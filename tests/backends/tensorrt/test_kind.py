"""TensorRT among the kinds of engines: what an engine is for, and how it is built and opened, with stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cgtool.backends import machine
from cgtool.backends.base import GeneratorSource
from cgtool.backends.onnx import export as onnx_export
from cgtool.backends.spec import BuildOptions, Built, EngineSpec, Shapes
from cgtool.backends.tensorrt import backend as runtime
from cgtool.backends.tensorrt import kind
from cgtool.backends.tensorrt.kind import KIND
from cgtool.errors import EngineError
from tests.backends.tensorrt.standin.gpu import Gpu
from tests.backends.tensorrt.standin.scenario import Scenario

Install = Callable[[Scenario], Scenario]
SOURCE = GeneratorSource("key", "label", 4, lambda: pytest.fail("loaded"))
SHAPES = Shapes((1, 4, 4), (2, 6, 8), (4, 16, 16))


@pytest.fixture
def scenario(install: Install, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """TensorRT 11.4 and an NVIDIA L4, as far as is asked."""
    monkeypatch.setattr(machine, "cuda_devices", lambda: ("NVIDIA L4",))
    scenario = install(Scenario())
    scenario.gpu = Gpu(scenario.calls)
    monkeypatch.setattr(runtime, "Cuda", lambda device: scenario.gpu)
    monkeypatch.setattr(kind, "installed", lambda package: True)
    return scenario


@pytest.mark.usefixtures("scenario")
def test_an_engine_is_for_this_gpu_and_this_version() -> None:
    target = KIND.target(BuildOptions(hardware_compatible=True))
    assert target.hardware == {
        "gpu": "NVIDIA L4",
        "compute_capability": "8.9",
        "hardware_compatible": True,
        "version_compatible": False,
    }
    assert target.tags == ("sm89", "trt11.4")
    spec = EngineSpec(SOURCE, "tensorrt", "fp16", SHAPES, target)
    assert KIND.problem(spec, "cuda:0") is None
    assert KIND.problem(spec, "cuda:1") == "no NVIDIA GPU is visible"
    other = replace(spec, target=replace(target, versions={"tensorrt": "10.12.0"}))
    assert "built with TensorRT 10.12.0" in str(KIND.problem(other, "cuda:0"))


def test_without_a_gpu_none_can_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    with pytest.raises(EngineError, match=r"no NVIDIA GPU is visible.*--format openvino"):
        KIND.target(BuildOptions())


@pytest.mark.parametrize(("precision", "half"), [("fp16", True), ("fp32", False)])
def test_a_graph_becomes_an_engine_that_runs(
    precision: str, half: bool, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def exported(spec: EngineSpec, *, half: bool) -> Built:
        asked.append(half)
        return Built([b"graph"], {"torch": "2.9"})

    monkeypatch.setattr(onnx_export, "exported", exported)
    target = KIND.target(BuildOptions())
    spec = EngineSpec(SOURCE, "tensorrt", precision, SHAPES, target, folder=tmp_path)  # type: ignore[arg-type]
    built = KIND.build(spec, [], None)
    assert asked == [half]
    assert built.versions == {"torch": "2.9", **target.versions}
    assert scenario.arguments("OnnxParser.parse") == [(b"graph",)]
    assert (tmp_path / "tensorrt.timing-cache").read_bytes() == b"+measured", (
        "beside the engines, unless told otherwise"
    )
    frames = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
    with KIND.open(spec, built.contents, "cuda:0", latency=False) as backend:
        np.testing.assert_array_equal(backend.infer(frames), 255 - frames)
