"""Which engine is chosen, and what is said of the others."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from cgtool.backends import machine, timings
from cgtool.backends.base import BackendInfo
from cgtool.backends.opening import Opened
from cgtool.backends.openvino.backend import default_precision
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.spec import EngineSpec
from cgtool.backends.torch.backend import TorchBackend
from cgtool.backends.torch.kind import Torch
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError, UsageError
from tests.backends.support import Sources


@pytest.fixture(autouse=True)
def timings_of_its_own(own_cache: Path, shared_cache: Path) -> None:
    """No test sees another's measurements; the graphs are shared."""
    own_cache.mkdir()
    (shared_cache / "graphs").mkdir(exist_ok=True)
    (own_cache / "graphs").symlink_to(shared_cache / "graphs")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())


def chosen(sources: Sources, request: EngineRequest | None = None) -> Opened:
    opened = open_backend(sources["resnet"], request or EngineRequest())
    opened.backend.close()
    return opened


def measured(sources: Sources, engine: str, precision: EnginePrecision, milliseconds: float) -> None:
    timings.record(sources["resnet"].key, BackendInfo(engine, "cpu", precision, 1), milliseconds)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            {"engine": "tflite"},
            "unknown --engine tflite.*auto, tensorrt, tensorrt-rtx, openvino, torch, onnx, identity",
        ),
        ({"device": "gpu"}, "unknown --device gpu. Known are auto, cuda:N, cuda, mps, directml, coreml, webgpu"),
        ({"device": "webgpu:1"}, "unknown --device"),
        ({"engine": "openvino", "device": "webgpu"}, "--engine openvino .* --device webgpu. Use --engine onnx there"),
        ({"engine": "onnx", "device": "mps"}, "--engine onnx .* --device mps. Use --engine torch there"),
        (
            {"device": "mps", "precision": "bf16"},
            "--device mps can't do --precision bf16. Use --precision fp32 or fp16",
        ),
        ({"device": "cuda:"}, "unknown --device"),
        ({"precision": "fp8"}, "unknown --precision fp8.*auto, fp32, bf16, fp16, int8"),
        ({"engine": "onnx", "precision": "int8"}, "--engine onnx .* --precision int8.*--engine openvino"),
        ({"engine": "tensorrt", "device": "cpu"}, "--engine tensorrt .* --device cpu"),
        ({"engine": "openvino", "device": "cuda:1"}, "--engine openvino .* --device cuda:1"),
        ({"engine": "openvino", "precision": "fp16"}, "--engine openvino .* --precision fp16"),
        ({"engine": "torch", "device": "cpu", "precision": "fp16"}, "--device cpu .* --precision fp16"),
        ({"device": "cpu", "precision": "fp16"}, "--device cpu .* --precision fp16"),
    ],
)
def test_clashing_options_are_named(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        EngineRequest(**request_)


@pytest.mark.usefixtures("no_gpu")
def test_openvino_comes_before_pytorch_on_a_cpu(sources: Sources) -> None:
    opened = chosen(sources)
    best = default_precision()
    assert (opened.backend.info.engine, opened.backend.info.precision) == ("openvino", best)
    assert opened.reasons[:4] == [
        "tensorrt cuda: no CUDA device is visible",
        "tensorrt-rtx cuda: no CUDA device is visible",
        "torch cuda: no CUDA device is visible",
        f"openvino cpu {best}: chosen, never measured here",
    ]
    assert opened.reasons[4].startswith("torch cpu ")
    assert list(opened.warnings) == []


@pytest.mark.usefixtures("no_gpu")
def test_measured_speeds_come_before_the_fixed_order(sources: Sources) -> None:
    torch_precision: EnginePrecision = "bf16" if machine.cpu_has_bf16() else "fp32"
    measured(sources, "openvino", default_precision(), 900.0)
    assert chosen(sources).backend.info.engine == "openvino"  # PyTorch was never measured and keeps its place
    measured(sources, "torch", torch_precision, 500.0)
    opened = chosen(sources)
    assert opened.backend.info.engine == "torch"
    assert f"torch cpu {torch_precision}: chosen, 500 ms per megapixel measured here" in opened.reasons
    assert any("openvino" in reason and "comes later, 900 ms" in reason for reason in opened.reasons)


@pytest.mark.skipif(bool(machine.cuda_devices()), reason="there is a CUDA device")
def test_a_gpu_that_pytorch_cannot_use_is_explained_and_passed_over(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ("Fake GPU",))
    opened = chosen(sources)
    assert opened.backend.info.engine == "openvino"
    assert opened.reasons[:2] == [
        f"{kind} cuda:0: no engine is compiled; run cgtool export --format {kind}"
        for kind in ("tensorrt", "tensorrt-rtx")
    ]
    assert opened.reasons[2].startswith("torch cuda:0 fp16: torch: cuda:0 can't be used")
    with pytest.raises(EngineError, match="cuda:0 can't be used"):
        chosen(sources, EngineRequest(engine="torch", device="cuda"))
    with pytest.raises(EngineError, match=r"torch cuda:3: only 1 CUDA device\(s\) are visible"):
        chosen(sources, EngineRequest(device="cuda:3"))


@pytest.mark.usefixtures("no_gpu")
def test_what_cannot_be_had_is_refused_with_its_reason(sources: Sources) -> None:
    with pytest.raises(EngineError, match=r"no CUDA device is visible.*--device auto"):
        chosen(sources, EngineRequest(engine="torch", device="cuda"))
    with pytest.raises(EngineError, match="no CUDA device is visible; torch cpu: CPUs have no fast fp16"):
        chosen(sources, EngineRequest(engine="torch", precision="fp16"))


@pytest.mark.usefixtures("no_gpu")
def test_a_missing_package_yields_the_line_to_run(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match="Run: pip install openvino"):
        chosen(sources, EngineRequest(engine="openvino"))
    opened = chosen(sources, EngineRequest(precision="fp32"))
    assert opened.backend.info.engine == "torch"
    assert any("pip install openvino" in reason for reason in opened.reasons)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"engine": "tensorrt"}, "tensorrt cuda: no CUDA device is visible"),
        ({"engine": "onnx", "device": "cuda"}, "onnx cuda: no CUDA device is visible"),
        ({"engine": "onnx", "precision": "bf16"}, ".*onnx cpu fp32: --precision bf16 is asked for"),
    ],
)
def test_what_was_never_compiled_is_refused(sources: Sources, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError, match=f"no engine can run resnet: {words}.*Try --engine auto"):
        chosen(sources, EngineRequest(**request_))


@pytest.mark.usefixtures("no_gpu")
def test_an_engine_asked_for_is_the_one_that_opens(sources: Sources) -> None:
    assert chosen(sources, EngineRequest(engine="torch", precision="fp32")).backend.info.engine == "torch"
    assert chosen(sources, EngineRequest(engine="identity", device="cuda")).backend.info.engine == "identity"
    latency = chosen(sources, EngineRequest(engine="openvino", precision="fp32", latency=True)).backend.info
    assert (latency.precision, latency.batch) == ("fp32", 1)
    assert chosen(sources, EngineRequest(engine="onnx")).backend.info.engine == "onnx"


@pytest.mark.usefixtures("no_gpu")
def test_a_missing_onnx_runtime_yields_the_line_to_run(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    with pytest.raises(UsageError, match=r"needs onnxruntime.*\. Run: pip install 'cgtool\[onnxruntime\]'"):
        chosen(sources, EngineRequest(engine="onnx"))


@pytest.mark.usefixtures("no_gpu")
def test_devices_that_have_to_be_named(sources: Sources) -> None:
    if sys.platform != "darwin":
        with pytest.raises(EngineError, match="torch mps: this is no Mac with Apple's own chip"):
            chosen(sources, EngineRequest(device="mps"))
    for request in (EngineRequest(device="mlx"), EngineRequest("onnx", "mlx")):
        with pytest.raises(EngineError, match="onnx mlx: onnxruntime-ep-mlx is not installed; run pip install onnx"):
            chosen(sources, request)
    with pytest.raises(EngineError, match="onnx coreml: no engine is compiled; run cgtool export --format onnx"):
        chosen(sources, EngineRequest("onnx", "coreml"))


@pytest.mark.usefixtures("no_gpu")
def test_pytorch_where_nobody_tested_it_is_compared_with_the_cpu(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apple's GPU, which a CPU plays: once it does as it should, once it gives other pictures."""
    monkeypatch.setattr(machine, "absent", lambda device: None if device in ("mps", "cpu") else "absent")
    lies: list[bool] = []

    def opened(self: object, spec: EngineSpec, device: str, *, latency: bool) -> TorchBackend:
        source = sources["resize"] if lies and device == "mps" else spec.source
        return TorchBackend(source, "cpu", spec.precision)

    monkeypatch.setattr(Torch, "open_source", opened)
    right = chosen(sources, EngineRequest(device="mps"))
    assert any("proven here on a small frame, 99.0 dB" in reason for reason in right.reasons)
    lies.append(True)
    chosen(sources, EngineRequest(device="mps"))  # the proof is kept
    monkeypatch.setattr(machine, "driver", lambda device: "a newer system")
    with pytest.raises(EngineError, match="refused on its first use here: it gives another picture"):
        chosen(sources, EngineRequest(device="mps"))


def test_int8_without_an_engine_says_how_to_make_one(sources: Sources) -> None:
    with pytest.raises(EngineError, match=r"no int8 engine of resnet\. Run cgtool export --int8 --calibration DIR"):
        chosen(sources, EngineRequest(engine="openvino", precision="int8"))
