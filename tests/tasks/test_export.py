"""Exporting: planned, compiled, proven, kept or refused."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from cgtool.backends import engines, machine
from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.manifest import EngineFile, read_manifest
from cgtool.backends.onnx import export as onnx_export
from cgtool.backends.onnx.kind import ONNX
from cgtool.backends.proof import prove, sample_of
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.spec import Built, Shapes, Target
from cgtool.backends.torch.graph import FrameGraph
from cgtool.conversion.model import source_of
from cgtool.errors import EngineError, UsageError
from cgtool.models.folder import read_model_folder
from cgtool.tasks.export import Exported, ExportRequest, Started, export, photographs, plan
from tests.backends.onnx.tensorrt_readiness import problems
from tests.backends.support import small_generator
from tests.helpers.compiled import forge, manifest_of, quick_exports, remembered, tiny_model


@pytest.fixture(autouse=True)
def quick() -> Iterator[pytest.MonkeyPatch]:
    with quick_exports() as patch:
        yield patch


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())


def asked(folder: Path, **options: Any) -> ExportRequest:  # noqa: ANN401  # whatever the dataclass takes
    return ExportRequest(models=(str(folder),), **options)


def results(request: ExportRequest) -> list[Exported]:
    return [event for event in export(plan(request, None), request) if isinstance(event, Exported)]


def result(folder: Path, **options: Any) -> Exported:  # noqa: ANN401  # whatever the dataclass takes
    (done,) = results(asked(folder, **options))
    return done


# Engines


def test_engines_say_what_they_are(compiled: Path) -> None:
    for name, (least, most) in {"onnx-fp16": (40, 99), "onnx-fp32": (60, 99), "openvino-fp32": (60, 99)}.items():
        manifest = read_manifest(manifest_of(compiled, name))
        model = read_model_folder(compiled)
        assert (manifest.model, manifest.domains, manifest.training_scale) == ("dusk", ("day", "night"), 64)
        assert manifest.weights_sha256 == model.weights["A_to_B"].sha256
        assert least <= manifest.parity["psnr_db"] <= most
        assert manifest.parity["photographs"] >= 1
        assert all(value > 0 for value in manifest.measured.values())
        assert manifest.build_seconds > 0
        assert {"cgtool", "torch", "onnx"} <= set(manifest.versions)
        assert len(EngineFile(manifest_of(compiled, name), manifest).read()) == len(manifest.files)
    assert {path.name for path in compiled.iterdir() if "A_to_B-" in path.name} == {
        *(f"A_to_B-onnx-{precision}{suffix}" for precision in ("fp16", "fp32") for suffix in (".onnx", ".engine.json")),
        *(f"A_to_B-openvino-fp32{suffix}" for suffix in (".xml", ".bin", ".engine.json")),
    }


def test_onnx_files_say_what_they_are_and_are_ready_for_tensorrt(compiled: Path) -> None:
    for precision in ("fp16", "fp32"):
        data = (compiled / f"A_to_B-onnx-{precision}.onnx").read_bytes()
        metadata = {entry.key: entry.value for entry in onnx.load_from_string(data).metadata_props}
        assert set(metadata) == {
            "model", "direction", "source_domain", "target_domain", "training_scale", "precision", "cgtool_version",
            "weights_sha256",
        }  # fmt: skip
        assert (metadata["precision"], metadata["source_domain"], metadata["target_domain"]) == (
            precision, "day", "night",
        )  # fmt: skip
        assert problems(data) == []


def test_what_is_there_is_left_alone_unless_forced(compiled: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in compiled.iterdir()}
    done = result(compiled, format="onnx", precision="fp16")
    assert (done.status, done.milliseconds) == ("up to date", None)
    assert done.engine is not None
    assert {path: path.stat().st_mtime_ns for path in compiled.iterdir()} == before
    done = result(compiled, format="onnx", precision="fp16", force=True)
    assert done.status == "compiled"
    assert done.milliseconds is not None
    assert {"engine", "torch fp32"} <= set(done.milliseconds)
    changed = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert {path.name for path in changed} == {"A_to_B-onnx-fp16.onnx", "A_to_B-onnx-fp16.engine.json"}


def test_what_does_not_fit_any_more_is_compiled_anew(compiled: Path) -> None:
    path = compiled / "A_to_B-onnx-fp16.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    assert result(compiled, format="onnx", precision="fp16").status == "compiled"
    forge(compiled, "onnx-fp16", key="0" * 64)
    assert result(compiled, format="onnx", precision="fp16").status == "compiled"
    manifest_of(compiled, "onnx-fp16").write_text("{")
    assert result(compiled, format="onnx", precision="fp16").status == "compiled"


def test_without_a_comparison_nothing_is_claimed_and_later_it_is_made_good(compiled: Path) -> None:
    done = result(compiled, format="onnx", precision="fp16", force=True, verify=False)
    assert done.status == "compiled"
    assert done.engine is not None
    assert done.engine.manifest.parity == {}
    assert result(compiled, format="onnx", precision="fp16", verify=False).status == "up to date"
    done = result(compiled, format="onnx", precision="fp16")
    assert done.status == "compiled"
    assert done.engine is not None
    assert done.engine.manifest.parity


def test_engines_go_where_they_are_sent(compiled: Path, tmp_path: Path) -> None:
    done = result(compiled, format="onnx", output=tmp_path / "out")
    assert done.engine is not None
    assert done.engine.paths == [tmp_path / "out" / "dusk" / "A_to_B-onnx-fp16.onnx"]
    (tmp_path / "file").touch()
    refused = result(compiled, format="onnx", output=tmp_path / "file", verify=False)
    assert refused.status == "failed"
    assert "can't be written" in str(refused.error)
    assert "--output" in str(refused.error)


def test_a_read_only_models_engines_go_to_the_cache_where_conversion_finds_them(
    compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in compiled.glob("A_to_B-*"):
        path.unlink()
    writable = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != compiled and writable(path, mode)
    )  # root may write anywhere, whatever a folder's mode says
    done = result(compiled, format="onnx", precision="fp16")
    assert done.engine is not None
    assert tmp_path / "cache" in done.engine.manifest_path.parents
    assert list(compiled.glob("A_to_B-*")) == []
    source = replace(source_of(read_model_folder(compiled), "A_to_B"), load=lambda: pytest.fail("loaded"))
    with open_backend(source, EngineRequest("onnx")).backend as backend:
        assert backend.info.precision == "fp16"
    assert result(compiled, format="onnx", precision="fp16").status == "up to date"


# The gate


@pytest.fixture
def wrong(quick: pytest.MonkeyPatch) -> None:
    """What is exported is another generator."""
    other = small_generator("resnet", seed=1)
    quick.setattr(onnx_export, "to_onnx", lambda asked_for, metadata: remembered(FrameGraph(other, 4), metadata))


@pytest.mark.usefixtures("wrong")
def test_a_wrong_engine_is_refused_with_its_figures_and_its_worst_picture(compiled: Path) -> None:
    for path in compiled.glob("A_to_B-*"):
        path.unlink()
    done = result(compiled, format="onnx", precision="fp32")
    assert (done.status, done.engine) == ("failed", None)
    worst = compiled / "A_to_B-onnx-fp32.worst.png"
    for words in ("not kept", "dB against PyTorch, where 60 is asked for", "largest difference", str(worst)):
        assert words in str(done.error)
    with Image.open(worst) as sheet:
        assert sheet.size[0] % 4 == 0
    assert [path.name for path in compiled.glob("A_to_B-*")] == [worst.name]


@pytest.mark.usefixtures("wrong")
def test_an_engine_that_was_right_survives_a_wrong_one(compiled: Path) -> None:
    before = (compiled / "A_to_B-onnx-fp32.onnx").read_bytes()
    assert result(compiled, format="onnx", precision="fp32", force=True).status == "failed"
    assert (compiled / "A_to_B-onnx-fp32.onnx").read_bytes() == before
    assert read_manifest(manifest_of(compiled, "onnx-fp32")).parity["psnr_db"] >= 60


def test_one_failure_does_not_stop_the_others(compiled: Path) -> None:
    broken = tiny_model(compiled.parent / "broken", seed=2)
    (broken.path / "A_to_B.safetensors").write_bytes(b"not tensors")
    request = ExportRequest(models=(str(broken.path), str(compiled)), format="onnx", precision="fp16")
    events = list(export(plan(request, None), request))
    assert [type(event) for event in events] == [Started, Exported, Started, Exported]
    first, second = (event for event in events if isinstance(event, Exported))
    assert (first.status, second.status) == ("failed", "up to date")
    assert "changed or damaged" in str(first.error)
    started = [(event.number, event.total) for event in events if isinstance(event, Started)]
    assert started == [(0, 2), (1, 2)]


class Rounded(IdentityBackend):
    """A TensorRT engine, as far as the gate is concerned."""

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        shape: tuple[int, ...] = (1, *frames.shape[1:3])
        assert shape in self.shapes, "a TensorRT engine refuses frames outside its profile"
        return frames

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes


def test_an_engine_of_one_size_is_compared_and_timed_at_that_size(compiled: Path, quick: pytest.MonkeyPatch) -> None:
    shapes = Shapes((1, 72, 128), (1, 72, 128), (1, 72, 128))
    quick.setattr(ONNX, "open", lambda *_, **__: Rounded(shapes))
    (spec,) = plan(asked(compiled, format="onnx"), None)
    spec = replace(spec, shapes=shapes)
    with pytest.raises(EngineError, match="not kept"):
        prove(spec, Built([b""], {}), photographs(None, spec), sample_of(spec.source, shapes))


# 8-bit integers

nncf = pytest.mark.skipif(importlib.util.find_spec("nncf") is None, reason="nncf is not installed")


@pytest.fixture
def photos_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize((128, 96), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@nncf
def test_int8_is_quantised_compared_and_kept(
    compiled: Path, photos_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = result(compiled, precision="int8", calibration=photos_folder)
    assert done.engine is not None, done.error
    assert done.engine.name == "A_to_B-openvino-int8"
    parity = done.engine.manifest.parity
    assert (parity["photographs"], parity["psnr_db"] >= 30) == (4, True)
    assert b"FakeQuantize" in done.engine.read()[0]
    assert capsys.readouterr().out == "", "standard output is for --json"
    with open_backend(source_of(read_model_folder(compiled), "A_to_B"), EngineRequest(precision="int8")).backend as it:
        assert (it.info.engine, it.info.precision) == ("openvino", "int8")


def test_a_missing_nncf_yields_the_line_to_run(
    compiled: Path, photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(UsageError, match=r"pip install 'cgtool\[int8\]'"):
        result(compiled, precision="int8", calibration=photos_folder)


# Photographs


def test_photographs_come_from_a_folder_or_ship_with_the_tool(compiled: Path, tmp_path: Path) -> None:
    (spec,) = plan(asked(compiled, format="onnx"), None)
    (shipped,) = photographs(None, spec)
    assert min(shipped.shape[:2]) == 64
    assert shipped.std() > 30
    picture = Image.fromarray(np.random.default_rng(0).integers(40, 200, (64, 96, 3), dtype=np.uint8))
    picture.save(compiled / "sample.jpg")
    assert len(photographs(None, spec)) == 2
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"no photograph to compare.*--calibration"):
        photographs(folder, spec)
    for number in range(20):
        picture.resize((48, 32)).save(folder / "deep" / f"{number:02}.png")
    (folder / "notes.txt").write_text("no picture")
    assert [picture.shape for picture in photographs(folder, spec)] == [(64, 96, 3)] * 8
    assert len(photographs(folder, replace(spec, precision="int8"))) == 20


def test_a_broken_photograph_is_left_out_and_none_is_an_error(compiled: Path, tmp_path: Path) -> None:
    (spec,) = plan(asked(compiled, format="onnx"), None)
    folder = tmp_path / "photos"
    folder.mkdir()
    with pytest.raises(UsageError, match="it holds no pictures"):
        plan(asked(compiled, format="onnx", calibration=folder), None)
    (folder / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(UsageError, match="no photograph to compare"):
        photographs(folder, spec)
    Image.new("RGB", (64, 64)).save(folder / "good.png")
    assert len(photographs(folder, spec)) == 1


# Conversion


@pytest.mark.parametrize("name", ["openvino-fp32", "onnx-fp32"])
def test_a_conversion_with_a_compiled_engine_never_imports_torch(compiled: Path, tmp_path: Path, name: str) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(photo)
    engine = name.split("-")[0]
    script = f"""
import sys
from cgtool.cli.app import cli
code = cli.main(["convert", {str(photo)!r}, "--model", {str(compiled)!r}, "--to", "night",
                 "--engine", {engine!r}, "--precision", "fp32"], standalone_mode=False)
print(code, sorted({{"torch", "onnx", "onnxscript"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1:] == ["0 []"], done.stdout + done.stderr
    assert photo.with_name("photo.night.png").is_file()


def test_other_builder_flags_are_another_engine(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their file would have the same name."""
    (spec,) = plan(asked(compiled, format="onnx", precision="fp16"), None)
    assert engines.existing(spec, proven=True) is not None
    other = replace(spec, target=Target({**spec.target.hardware, "hardware_compatible": True}))
    assert engines.existing(other, proven=True) is None


def test_onnx_is_proven_without_its_runtime(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO reads it as well."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    request = asked(compiled, format="onnx", precision="fp16", force=True)
    *_, done = export(plan(request, None), request)
    assert isinstance(done, Exported)
    assert (done.status, done.error) == ("compiled", None)
