"""The table of kinds: what follows from a row, and that a row and a module are all that a new kind takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cgtool.backends import machine
from cgtool.backends.engines import engines_of
from cgtool.backends.kind import Kind
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.table import ENGINES, FORMATS, KINDS, PRECISIONS, Row
from cgtool.conversion.model import source_of
from cgtool.errors import UsageError
from cgtool.media.reader import VideoReader
from cgtool.models.folder import read_model_folder
from cgtool.pictures import Size
from cgtool.tasks.export import Exported, ExportRequest, export, plan
from tests.backends.kinds import toy
from tests.helpers.compiled import converted, forge


@pytest.mark.parametrize("row", KINDS.values(), ids=lambda row: row.name)
def test_every_row_has_a_kind(row: Row) -> None:
    kind = row.kind()
    assert isinstance(kind, Kind)
    words = ("build", "open", "open_source")
    overridden = {word for word in words if getattr(type(kind), word) is not getattr(Kind, word)}
    compiled = {"build", "open"} if row.suffixes else set()
    assert overridden == compiled | (set() if row.from_source == "never" else {"open_source"})
    assert set(row.automatic) <= set(row.devices)
    assert bool(row.suffixes) == bool(row.builds)
    assert bool(row.package) == bool(row.extra)


def test_the_choices_follow_from_the_rows() -> None:
    assert ENGINES == ("auto", "tensorrt", "tensorrt-rtx", "openvino", "torch", "onnx", "identity")
    assert FORMATS == ("tensorrt", "tensorrt-rtx", "openvino", "onnx")
    assert PRECISIONS == ("auto", "fp32", "bf16", "fp16", "int8")


def test_the_table_costs_nothing() -> None:
    frameworks = {"torch", "openvino", "onnx", "onnxruntime", "tensorrt"}
    assert {"numpy", "cv2", *frameworks}.isdisjoint(loaded_by("import cgtool.backends.table"))
    asking = "from cgtool.backends.table import KINDS; [row.kind() for row in KINDS.values()]"
    assert frameworks.isdisjoint(loaded_by(asking)), "a kind can be asked without its framework"


def loaded_by(code: str) -> list[str]:
    command = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


# A kind from outside


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's row stands in the table, and there is no GPU."""
    monkeypatch.setitem(KINDS, "toy", toy.ROW)
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(path)
    return path


@pytest.mark.usefixtures("known")
def test_a_new_kind_converts_a_picture(compiled: Path, photo: Path, tmp_path: Path) -> None:
    result = converted(photo, tmp_path / "negative.png", compiled, EngineRequest("toy"))
    assert (result.status, result.engine, result.error) == ("converted", "toy", None)
    with Image.open(photo) as before, Image.open(tmp_path / "negative.png") as after:
        np.testing.assert_array_equal(np.asarray(after), 255 - np.asarray(before))


@pytest.mark.usefixtures("known")
def test_a_new_kind_converts_a_clip(compiled: Path, bunny: Path, tmp_path: Path) -> None:
    result = converted(bunny, tmp_path / "negative.mp4", compiled, EngineRequest("toy"), end=1)
    assert (result.status, result.engine, result.frames) == ("converted", "toy", 25)
    with VideoReader(bunny) as before, VideoReader(tmp_path / "negative.mp4") as after:
        first, negative = next(before.frames()).pixels, next(after.frames()).pixels
    assert abs(int(first.mean()) + int(negative.mean()) - 255) < 8


@pytest.mark.usefixtures("known")
def test_a_new_kind_is_compiled_kept_found_and_taken(compiled: Path) -> None:
    request = ExportRequest((str(compiled),), format="toy", verify=False)
    *_, done = export(plan(request, None), request)
    assert isinstance(done, Exported)
    assert done.engine is not None, done.error
    assert [path.name for path in done.engine.paths] == ["A_to_B-toy-fp32.toy"]
    assert done.engine.manifest.versions["toy"] == "1.0"
    source = source_of(read_model_folder(compiled), "A_to_B")
    # It was not verified, and it does not do as PyTorch does: that is found out at its first use.
    refused = open_backend(source, EngineRequest("toy")).reasons
    assert any("refused on its first use here" in reason for reason in refused)
    forge(compiled, "toy-fp32", sample=None)
    assert "A_to_B-toy-fp32" in {engine.name for engine in engines_of(source)}
    opened = open_backend(source, EngineRequest("toy"))
    assert "toy cpu fp32 (A_to_B-toy-fp32): chosen, never measured here" in opened.reasons
    assert "toy cpu fp32: comes later, never measured here" in opened.reasons
    assert "toys are fast" in opened.notes
    *_, again = export(plan(request, None), request)
    assert isinstance(again, Exported)
    assert again.status == "up to date"


@pytest.mark.usefixtures("known")
def test_a_new_kind_passes_the_same_gate(compiled: Path) -> None:
    request = ExportRequest((str(compiled),), format="toy")
    *_, done = export(plan(request, None), request)
    assert isinstance(done, Exported)
    assert done.status == "failed"
    assert "toy fp32: not kept" in str(done.error)


@pytest.mark.usefixtures("known")
def test_requests_are_checked_against_its_row() -> None:
    with pytest.raises(UsageError, match="--engine toy can't run on --device cuda"):
        EngineRequest("toy", "cuda")
    with pytest.raises(UsageError, match=r"--engine toy can't do --precision bf16\. Use --precision fp32 or --engine"):
        EngineRequest("toy", precision="bf16")
    with pytest.raises(UsageError, match=r"--format toy can't do --fp16\. Use --format tensorrt or"):
        ExportRequest(format="toy", precision="fp16")
    with pytest.raises(UsageError, match="--max is for TensorRT and TensorRT for RTX alone"):
        ExportRequest(format="toy", largest=Size(64, 64))
