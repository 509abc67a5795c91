"""Other hardware through ONNX Runtime: what it finds by itself, what a plugin brings, and what is missing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import cgtool
from cgtool.backends import machine
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
from tests.helpers.probe import make

NO_DEVICE = "onnxruntime-ep-openvino finds no device for openvino on this machine; it refuses CPUs that are not Intel's"
FRAMES = np.random.default_rng(0).integers(0, 256, (1, 40, 56, 3), dtype=np.uint8)


def test_every_device_of_the_row_has_a_door() -> None:
    assert set(DOORS) == set(KINDS["onnx"].devices)
    assert all(door.provider or door.plugin for door in DOORS.values())
    assert all(bool(door.whole) == bool(door.provider and door.plugin) for door in DOORS.values())


@pytest.mark.parametrize("device", [name for name, door in DOORS.items() if door.plugin])
def test_a_missing_plugin_yields_the_line_to_run(device: str) -> None:
    door = DOORS[device]
    if installed(door.plugin):
        assert devices.missing(device) is None
    elif devices._version(door.whole) is None:
        assert devices.missing(device) == f"{door.package} is not installed; run pip install {door.package}"


def test_a_package_that_has_it_built_in_needs_no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "installed", lambda module: False)
    monkeypatch.setattr(devices, "_version", {"onnxruntime-openvino": "1.24.1"}.get)
    assert devices.missing("openvino") is None
    assert devices.versions("openvino") == "onnxruntime-openvino 1.24.1"
    monkeypatch.setattr(devices, "_version", {"onnxruntime": "1.32.0"}.get)
    assert devices.missing("openvino") is not None


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


def test_what_is_built_in_is_taken_before_a_plugin() -> None:
    session = SimpleNamespace(get_providers=lambda: ["OpenVINOExecutionProvider"])
    runtime = SimpleNamespace(
        get_available_providers=lambda: ["OpenVINOExecutionProvider", "CPUExecutionProvider"],
        InferenceSession=lambda onnx, options, providers: {str(providers): session}.get(
            "[('OpenVINOExecutionProvider', {'device_type': 'CPU'})]"
        ),
    )
    assert devices.opened(runtime, b"graph", None, "openvino") == (session, machine.cpu_name())


def test_the_best_of_what_is_offered_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(kind: str, name: str = "Mine") -> SimpleNamespace:
        return SimpleNamespace(ep_name=name, device=SimpleNamespace(type=SimpleNamespace(name=kind)))

    def best(*offered: SimpleNamespace) -> Any:  # noqa: ANN401  # as ONNX Runtime's
        return devices._offered(SimpleNamespace(get_ep_devices=lambda: offered), DOORS["openvino"], "openvino")

    monkeypatch.setattr(devices, "_registered", lambda *_: ("Mine",))
    assert best(own("NPU"), own("CPU"), own("GPU")).device.type.name == "GPU"
    assert best(own("NPU"), own("CPU"), own("GPU", "Another")).device.type.name == "CPU"
    with pytest.raises(EngineError, match=NO_DEVICE) as caught:
        best(own("GPU", "Another"))
    assert "pip install onnxruntime-openvino" in str(caught.value)


def test_a_plugin_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    library.write_bytes(b"no library")
    plugin = SimpleNamespace(get_library_path=lambda: str(library), get_ep_names=lambda: ["Mine"])
    monkeypatch.setitem(sys.modules, "b_plugin", plugin)
    with pytest.raises(EngineError, match=r"b-plugin can't be loaded: .*pip install --upgrade b-plugin"):
        devices._offered(import_runtime(), Door("b-plugin", plugin="b_plugin"), "openvino")


def test_what_drives_a_device_names_the_plugin() -> None:
    for package in ("onnxruntime", "onnxruntime-ep-openvino", "onnxruntime-openvino"):
        version = devices._version(package)
        assert (f"{package} {version}" in KINDS["onnx"].kind().driver("openvino")) is (version is not None)


def reached() -> bool:
    """Whether OpenVINO is built into this ONNX Runtime, or its plugin offers a device."""
    runtime, door = import_runtime(), DOORS["openvino"]
    if door.provider in runtime.get_available_providers():
        return True
    devices._registered(runtime, door)
    return door.provider in {own.ep_name for own in runtime.get_ep_devices()}


def test_openvino_through_onnx_runtime_runs_an_engine_on_a_cpu(compiled: Path) -> None:
    """The whole way: a child process tries the engine first, then this one opens it."""
    if devices.missing("openvino") is not None:
        pytest.skip("pip install onnxruntime-ep-openvino, or onnxruntime-openvino instead of onnxruntime")
    source = source_of(read_model_folder(compiled), "A_to_B")
    if not reached():
        with pytest.raises(EngineError, match=NO_DEVICE):
            open_backend(source, EngineRequest("onnx", "openvino"))
        pytest.skip(f"onnxruntime-ep-openvino takes Intel's CPUs alone, and this is {machine.cpu_name()}")
    opened = open_backend(source, EngineRequest("onnx", "openvino"))
    with opened.backend as backend, TorchBackend(source) as reference:
        assert psnr(backend.infer(FRAMES), reference.infer(FRAMES)) >= 40
    assert any("proven here" in reason for reason in opened.reasons)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="onnxruntime-openvino is for x86-64")
def test_a_clip_through_the_package_that_has_openvino_built_in(own_cache: Path, tmp_path: Path) -> None:
    """Downloads it: 85 MB. It lies in a folder before the ONNX Runtime of this environment."""
    folder, clip, done = tmp_path / "packages", tmp_path / "clip.mp4", tmp_path / "winter.mp4"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), "onnxruntime-openvino"]
    subprocess.run([sys.executable, *install], capture_output=True, text=True, check=True)
    make(clip, "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25:duration=0.2")
    command = ["-m", "cgtool", "convert", str(clip), "--to", "winter", "-o", str(done), "--json", "-v"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(Path(cgtool.__file__).parents[1])])}
    run = subprocess.run(
        [sys.executable, *command, "--engine", "onnx", "--device", "openvino"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(run.stdout)
    assert (told["status"], told["frames"], told["engine"]) == ("converted", 5, "onnx")
    assert told["device"] == f"openvino ({machine.cpu_name()})"
    assert "proven here on a small frame" in run.stderr
    (proof,) = (json.loads(path.read_bytes()) for path in (own_cache / "proofs").iterdir())
    assert "onnxruntime-openvino " in proof["driver"]
