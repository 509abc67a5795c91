"""Engine files that are there: which are taken, and what is said of those that can't be."""

from __future__ import annotations

import functools
import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.backends import machine, timings
from cgtool.backends.base import BackendInfo, GeneratorSource
from cgtool.backends.engines import FoundEngine, engines_of
from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.manifest import EngineFile, read_manifest
from cgtool.backends.opening import Opened
from cgtool.backends.openvino import backend as openvino_backend
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.spec import SUFFIX, Shapes
from cgtool.backends.tensorrt import backend as tensorrt_backend
from cgtool.backends.tensorrt import bindings
from cgtool.backends.torch.backend import TorchBackend
from cgtool.conversion.model import source_of
from cgtool.errors import EngineError
from cgtool.models.folder import read_model_folder
from tests.backends.support import psnr
from tests.helpers.compiled import forge, manifest_of, quick_exports, replace_file

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 64, 48, 3), dtype=np.uint8)


@pytest.fixture
def source(compiled: Path) -> GeneratorSource:
    return source_of(read_model_folder(compiled), "A_to_B")


@pytest.fixture
def no_torch(source: GeneratorSource) -> GeneratorSource:
    """The source, whose network must not be loaded."""
    return replace(source, load=lambda: pytest.fail("the network was loaded although it is compiled"))


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())


def opened(source: GeneratorSource, request: EngineRequest | None = None) -> tuple[Opened, NDArray[np.uint8]]:
    """What is chosen, and what it makes of the frames."""
    chosen = open_backend(source, request or EngineRequest())
    with chosen.backend as backend:
        return chosen, backend.infer(FRAMES)


def pytorch(source: GeneratorSource) -> NDArray[np.uint8]:
    with TorchBackend(source) as backend:
        return backend.infer(FRAMES)


def found(source: GeneratorSource) -> dict[str, FoundEngine]:
    return {engine.name: engine for engine in engines_of(source)}


def test_engines_are_found_with_what_they_are(compiled: Path, source: GeneratorSource) -> None:
    engines = found(source)
    assert list(engines) == ["A_to_B-onnx-fp16", "A_to_B-onnx-fp32", "A_to_B-openvino-fp32"]
    assert [engine.problem for engine in engines.values()] == [None, None, None]
    openvino = engines["A_to_B-openvino-fp32"].file
    assert openvino is not None
    assert openvino.size_bytes == sum((compiled / f"A_to_B-openvino-fp32{s}").stat().st_size for s in (".xml", ".bin"))


def test_every_engine_gives_what_pytorch_gives(no_torch: GeneratorSource, source: GeneratorSource) -> None:
    wanted = pytorch(source)
    for request, agreement in (
        (EngineRequest("openvino", precision="fp32"), 60),
        (EngineRequest("onnx", precision="fp32"), 60),
        (EngineRequest("onnx", precision="fp16"), 45),
    ):
        chosen, result = opened(no_torch, request)
        assert chosen.backend.info.precision == request.precision
        assert psnr(result, wanted) >= agreement
        assert list(chosen.warnings) == []


def test_the_fastest_measured_is_taken(no_torch: GeneratorSource, compiled: Path) -> None:
    here = timings.hardware("cpu")
    for speeds, fastest in (((1.0, 5.0, 9.0), "onnx-fp16"), ((9.0, 1.0, 5.0), "onnx-fp32"), ((5.0, 9.0, 1.0), "ov")):
        for name, speed in zip(("onnx-fp16", "onnx-fp32", "openvino-fp32"), speeds, strict=True):
            forge(compiled, name, measured={here: speed, "another machine": 0.001})
        chosen, _ = opened(no_torch)
        (reason,) = (reason for reason in chosen.reasons if "chosen" in reason)
        assert fastest.replace("ov", "openvino-fp32") in reason
        assert "1 ms per megapixel measured here" in reason


def test_conversions_own_measurements_come_before_the_manifests(no_torch: GeneratorSource, compiled: Path) -> None:
    here = timings.hardware("cpu")
    forge(compiled, "onnx-fp16", measured={here: 1.0})
    forge(compiled, "onnx-fp32", measured={here: 2.0})
    forge(compiled, "openvino-fp32", measured={here: 3.0})
    timings.record(no_torch.key, BackendInfo("onnx", "cpu", "fp16", 1), 4.0)
    chosen, _ = opened(no_torch)
    assert any("onnx-fp32): chosen, 2 ms" in reason for reason in chosen.reasons)


def test_without_measurements_openvino_comes_first(no_torch: GeneratorSource, compiled: Path) -> None:
    for name in ("onnx-fp16", "onnx-fp32", "openvino-fp32"):
        forge(compiled, name, measured={})
    chosen, _ = opened(no_torch)
    assert "openvino cpu fp32 (A_to_B-openvino-fp32): chosen, never measured here" in chosen.reasons


def test_engines_of_other_weights_are_explained_and_left_alone(compiled: Path, source: GeneratorSource) -> None:
    changed = replace(source, key="0" * 64)
    problems = {engine.problem for engine in engines_of(changed)}
    assert problems == {"made from other weights or by another cgtool; run cgtool export again"}
    with quick_exports():
        chosen, result = opened(changed, EngineRequest("openvino", precision="fp32"))
    assert sum("made from other weights" in reason for reason in chosen.reasons) == 3
    assert any("was prepared once" in note for note in chosen.notes), "exported anew, of the weights as they are"
    assert psnr(result, pytorch(source)) >= 60


def test_only_this_directions_engines_are_looked_at(compiled: Path, source: GeneratorSource) -> None:
    assert engines_of(replace(source, direction="B_to_A")) == []


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_a_damaged_engine_is_explained_and_the_next_is_taken(
    no_torch: GeneratorSource, compiled: Path, suffix: str, damage: str
) -> None:
    path = compiled / f"A_to_B-openvino-fp32{suffix}"
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    chosen, _ = opened(no_torch, EngineRequest("openvino"))
    (reason,) = (reason for reason in chosen.reasons if path.name in reason)
    assert ("is missing; run cgtool export" if damage == "gone" else "is damaged") in reason
    assert "\n" not in reason
    if damage != "gone":
        assert [path.name in warning for warning in chosen.warnings] == [True], "told unasked"
    assert chosen.backend.info.engine == "openvino", "from the ONNX graph that lies beside it"


def test_a_damaged_graph_is_told_once(source: GeneratorSource, compiled: Path) -> None:
    (compiled / "A_to_B-onnx-fp32.onnx").write_bytes(b"cut")
    forge(compiled, "onnx-fp32", measured={timings.hardware("cpu"): 0.001})
    with quick_exports():
        chosen, _ = opened(source, EngineRequest("onnx", precision="fp32"))
    (warning,) = chosen.warnings
    assert warning.startswith("passed over onnx cpu fp32 (A_to_B-onnx-fp32): ")
    assert "is damaged" in warning


GARBAGE = {"empty": b"", "text": b"no engine at all\n" * 50, "zeros": bytes(5000)}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
@pytest.mark.parametrize(
    ("name", "suffix"), [("openvino-fp32", ".xml"), ("openvino-fp32", ".bin"), ("onnx-fp32", ".onnx")]
)
def test_garbage_that_a_manifest_confirms_is_refused(
    source: GeneratorSource, compiled: Path, name: str, suffix: str, garbage: bytes
) -> None:
    manifest_of(compiled, "onnx-fp16").unlink()
    if suffix == ".onnx":
        manifest_of(compiled, "openvino-fp32").unlink()
    replace_file(compiled, name, suffix, garbage)
    forge(compiled, name, measured={timings.hardware("cpu"): 0.001})  # so that it is tried first
    request = EngineRequest("openvino" if "openvino" in name else "onnx", precision="fp32")
    if suffix == ".onnx":  # what would be the way out is the same file
        with pytest.raises(EngineError, match="is refused") as refused:
            open_backend(source, request)
        assert "onnx cpu fp32 (A_to_B-onnx-fp32)" in str(refused.value)
        chosen, result = opened(source, EngineRequest(precision="fp32"))
        assert chosen.backend.info.engine == "torch"
    else:
        chosen, result = opened(source, request)
        assert any(reason.startswith(f"openvino cpu fp32 (A_to_B-{name}): ") for reason in chosen.reasons)
        assert all("\n" not in reason for reason in chosen.reasons)
    assert psnr(result, pytorch(source)) >= 60


def test_a_damaged_manifest_is_explained(no_torch: GeneratorSource, compiled: Path) -> None:
    manifest_of(compiled, "openvino-fp32").write_text("{")
    (broken,) = (engine for engine in engines_of(no_torch) if engine.problem)
    assert broken.file is None
    assert "not a manifest that this cgtool reads" in str(broken.problem)
    chosen, _ = opened(no_torch)
    assert any("not a manifest" in reason for reason in chosen.reasons)


def test_a_bf16_engine_on_a_cpu_without(
    no_torch: GeneratorSource, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge(compiled, "openvino-fp32", precision="bf16")
    monkeypatch.setattr(openvino_backend, "default_precision", lambda: "fp32")
    assert found(no_torch)["A_to_B-openvino-fp32"].problem == "this CPU has no bf16"
    chosen, _ = opened(no_torch, EngineRequest("openvino"))
    assert chosen.backend.info.precision == "fp32"


def test_openvino_that_is_not_installed(no_torch: GeneratorSource, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise EngineError("openvino can't be imported", hint="Run: pip install openvino")

    monkeypatch.setattr(openvino_backend, "default_precision", missing)
    assert "pip install openvino" in str(found(no_torch)["A_to_B-openvino-fp32"].problem)
    chosen, _ = opened(no_torch, EngineRequest(precision="fp16", device="auto"))
    assert chosen.backend.info.engine == "onnx"


# TensorRT, without it

SHAPES = Shapes((1, 32, 32), (2, 64, 48), (4, 128, 128))


@pytest.fixture
def tensorrt(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TensorRT engine of TensorRT 11.4.0 for an L4, which both are here, as far as is asked."""
    monkeypatch.setattr(machine, "cuda_devices", lambda: ("NVIDIA L4",))
    monkeypatch.setattr(bindings, "tensorrt_version", lambda: "11.4.0.106")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name == "tensorrt" else find_spec(name))
    manifest = replace(
        read_manifest(manifest_of(compiled, "onnx-fp16")),
        format="tensorrt",
        sample=None,  # as of an older cgtool: it is opened without a trial
        shapes=SHAPES,
        versions={"tensorrt": "11.4.0.106"},
        hardware={"gpu": "NVIDIA L4", "compute_capability": "8.9"},
    )
    name = "tensorrt-fp16-2x64x48-sm89-trt11.4"
    path = manifest_of(compiled, name)
    path.write_text(replace(manifest, files={f"A_to_B-{name}.engine": "ab" * 32}).to_json())
    replace_file(compiled, name, ".engine", b"a plan")
    return path


def problem(source: GeneratorSource, path: Path, **changes: Any) -> str | None:  # noqa: ANN401  # JSON
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return found(source)[path.name.removesuffix(SUFFIX)].problem


def test_tensorrts_engine_fits_its_own_gpu_and_version(
    tensorrt: Path, source: GeneratorSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, version = {"gpu": "NVIDIA L4"}, {"tensorrt": "11.4.0.106"}
    assert problem(source, tensorrt) is None
    assert (
        problem(source, tensorrt, hardware={"gpu": "NVIDIA H100"})
        == "built for NVIDIA H100, here is NVIDIA L4; run cgtool export again"
    )
    assert problem(source, tensorrt, hardware={"gpu": "NVIDIA H100", "hardware_compatible": True}) is None
    other = problem(source, tensorrt, hardware=gpu, versions={"tensorrt": "10.12.0"})
    assert other == "built with TensorRT 10.12.0, here is 11.4.0.106; run cgtool export again"
    assert problem(source, tensorrt, hardware={**gpu, "version_compatible": True}) is None

    def broken() -> str:
        raise EngineError("tensorrt can't be imported: libnvinfer.so.11", hint="Run: pip install cgtool[tensorrt]")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bindings, "tensorrt_version", broken)
        assert "libnvinfer.so.11" in str(problem(source, tensorrt, hardware=gpu, versions=version))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'cgtool[tensorrt]'" in str(problem(source, tensorrt))
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    assert problem(source, tensorrt) == "no NVIDIA GPU is visible"


class FakeTensorRT(IdentityBackend):
    """Gives frames back."""

    info = BackendInfo("tensorrt", "cuda:0 (NVIDIA L4)", "fp16", 2)
    warnings: tuple[str, ...] = ()

    def __init__(self, engine: bytes, **_: object) -> None:
        if engine != b"a plan":
            raise EngineError("tensorrt: the plan is foreign")


def test_a_frame_outside_the_profile_goes_to_the_next_engine(
    tensorrt: Path, no_torch: GeneratorSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_backend, "TensorRTBackend", FakeTensorRT)
    forge(tensorrt.parent, "openvino-fp32", measured={})
    with open_backend(no_torch, EngineRequest()).backend as backend:
        assert backend.info.engine == "tensorrt"
        np.testing.assert_array_equal(backend.infer(FRAMES), FRAMES)
        large = np.ascontiguousarray(FRAMES[:1].repeat(3, axis=1))  # 192 high, where 128 is the most
        assert not np.array_equal(backend.infer(large), large), "translated, by another engine"
    with (
        open_backend(no_torch, EngineRequest("tensorrt")).backend as backend,
        pytest.raises(EngineError, match=r"no engine can run.*takes frames of 32x32 to 128x128, 1 to 4 per batch only"),
    ):
        backend.infer(large)


def test_a_foreign_plan_is_explained_and_the_next_is_taken(
    tensorrt: Path, no_torch: GeneratorSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_backend, "TensorRTBackend", FakeTensorRT)
    replace_file(tensorrt.parent, tensorrt.name.removeprefix("A_to_B-").removesuffix(SUFFIX), ".engine", b"foreign")
    chosen, _ = opened(no_torch)
    assert any("tensorrt: the plan is foreign" in reason for reason in chosen.reasons)
    assert chosen.backend.info.engine != "tensorrt"


def test_the_cache_keeps_what_has_no_place(source: GeneratorSource, compiled: Path) -> None:
    """An engine in the user's cache is found beside those in the model's folder."""
    cached = source.places[1]
    cached.mkdir(parents=True)
    for path in compiled.glob("A_to_B-openvino*"):
        path.rename(cached / path.name)
    chosen, _ = opened(replace(source, load=functools.partial(pytest.fail, "loaded")), EngineRequest("openvino"))
    assert any("(A_to_B-openvino-fp32): chosen" in reason for reason in chosen.reasons)
    assert isinstance(found(source)["A_to_B-openvino-fp32"].file, EngineFile)
