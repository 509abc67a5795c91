"""Other hardware through ONNX Runtime: what it finds by itself, what a plugin brings, and what is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cgtool.backends.onnx import devices
from cgtool.backends.onnx.backend import ONNXBackend, import_runtime
from cgtool.backends.onnx.devices import DOORS, Door
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.table import KINDS
from cgtool.backends.torch.backend import TorchBackend
from cgtool.conversion.model import source_of
from cgtool.errors import EngineError
from cgtool.extras import installed
from cgtool.models.folder import read_model_folder
from tests.backends.support import Sources, psnr

FRAMES = np.random.default_rng(0).integers(0, 256, (1, 40, 56, 3), dtype=np.uint8)


def test_every_device_of_the_row_has_a_door() -> None:
    assert set(DOORS) == set(KINDS["onnx"].devices)
    assert all(bool(door.provider) != bool(door.plugin) for door in DOORS.values())


@pytest.mark.parametrize("device", [name for name, door in DOORS.items() if door.plugin])
def test_a_missing_plugin_yields_the_line_to_run(device: str) -> None:
    door = DOORS[device]
    if installed(door.plugin):
        assert devices.missing(device) is None
    else:
        assert devices.missing(device) == f"{door.package} is not installed; run pip install {door.package}"


@pytest.mark.parametrize("device", ["directml", "coreml", "cuda:0"])
def test_another_build_of_onnx_runtime_yields_the_line_to_run(device: str, sources: Sources) -> None:
    door = DOORS[device.partition(":")[0]]
    if door.provider in import_runtime().get_available_providers():
        pytest.skip(f"this onnxruntime has {door.provider}")
    with pytest.raises(EngineError, match=f"this onnxruntime has no {device}.*pip install {door.package}"):
        ONNXBackend(sources.graph("resnet", "fp32"), label="net", precision="fp32", device=device)


@pytest.fixture
def cpu_plugin(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A plugin that brings what ONNX Runtime has already: its own CPU, as its device discovery finds it."""
    plugin = SimpleNamespace(
        registered=[], get_library_path=lambda: "library", get_ep_names=lambda: ["CPUExecutionProvider"]
    )
    monkeypatch.setitem(sys.modules, "a_plugin", plugin)
    monkeypatch.setitem(DOORS, "webgpu", Door("a-plugin", plugin="a_plugin"))
    register = "register_execution_provider_library"
    monkeypatch.setattr(import_runtime(), register, lambda *given: plugin.registered.append(given))
    devices._registered.cache_clear()
    return plugin


def test_a_device_that_is_discovered_runs_the_graph(cpu_plugin: SimpleNamespace, sources: Sources) -> None:
    graph = sources.graph("resnet", "fp32")
    for _ in range(2):
        with ONNXBackend(graph, label="net", precision="fp32", device="webgpu") as backend:
            result = backend.infer(FRAMES)
    assert backend.info.device.startswith("webgpu (")
    assert "CPU" in backend.info.device
    with TorchBackend(sources["resnet"]) as reference:
        assert psnr(result, reference.infer(FRAMES)) >= 60
    assert cpu_plugin.registered == [("a_plugin", "library")], "a library is registered once"


def test_the_best_of_what_is_offered_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(kind: str, name: str = "Mine") -> SimpleNamespace:
        return SimpleNamespace(ep_name=name, device=SimpleNamespace(type=SimpleNamespace(name=kind)))

    def best(*offered: SimpleNamespace) -> Any:  # noqa: ANN401  # as ONNX Runtime's
        return devices._offered(SimpleNamespace(get_ep_devices=lambda: offered), DOORS["openvino"], "openvino")

    monkeypatch.setattr(devices, "_registered", lambda *_: ("Mine",))
    assert best(own("NPU"), own("CPU"), own("GPU")).device.type.name == "GPU"
    assert best(own("NPU"), own("CPU"), own("GPU", "Another")).device.type.name == "CPU"
    with pytest.raises(EngineError, match="onnxruntime-ep-openvino finds no device for openvino on this machine"):
        best(own("GPU", "Another"))


def test_a_plugin_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    library.write_bytes(b"no library")
    plugin = SimpleNamespace(get_library_path=lambda: str(library), get_ep_names=lambda: ["Mine"])
    monkeypatch.setitem(sys.modules, "b_plugin", plugin)
    with pytest.raises(EngineError, match=r"b-plugin can't be loaded: .*pip install --upgrade b-plugin"):
        devices._offered(import_runtime(), Door("b-plugin", plugin="b_plugin"), "openvino")


def test_what_drives_a_device_names_the_plugin() -> None:
    words = KINDS["onnx"].kind().driver("openvino")
    assert "onnxruntime " in words
    assert "onnxruntime-ep-openvino " in words


def found_with_the_plugin() -> set[str]:
    """What ONNX Runtime finds once the plugin is loaded."""
    runtime = import_runtime()
    devices._registered(runtime, DOORS["openvino"])
    return {own.ep_name for own in runtime.get_ep_devices()}


def test_openvinos_plugin_runs_an_engine_on_a_cpu(compiled: Path) -> None:
    """The whole way: a child process tries the engine first, then this one opens it."""
    pytest.importorskip("onnxruntime_ep_openvino", reason="pip install onnxruntime-ep-openvino")
    source = source_of(read_model_folder(compiled), "A_to_B")
    if "OpenVINOExecutionProvider" not in found_with_the_plugin():
        with pytest.raises(EngineError, match="onnxruntime-ep-openvino finds no device for openvino on this machine"):
            open_backend(source, EngineRequest("onnx", "openvino"))
        pytest.skip("onnxruntime-ep-openvino offers no device here: it wants an Intel processor")
    opened = open_backend(source, EngineRequest("onnx", "openvino"))
    with opened.backend as backend, TorchBackend(source) as reference:
        assert psnr(backend.infer(FRAMES), reference.infer(FRAMES)) >= 40
    assert any("proven here" in reason for reason in opened.reasons)
