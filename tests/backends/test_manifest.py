"""What lies beside an engine: read back, checked, and never trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cgtool.backends.base import GeneratorSource
from cgtool.backends.manifest import EngineFile, Manifest, find_engines, read_manifest
from cgtool.backends.spec import SUFFIX, Shapes
from cgtool.errors import EngineError

DATA = b"an engine's bytes"
MANIFEST = Manifest(
    model="summer2winter",
    direction="A_to_B",
    domains=("summer", "winter"),
    key="ab" * 32,
    weights_sha256="cd" * 32,
    training_scale=286,
    format="onnx",
    precision="fp16",
    shapes=None,
    files={"A_to_B-onnx-fp16.onnx": hashlib.sha256(DATA).hexdigest()},
    versions={"cgtool": "0.1.0", "onnx": "1.20"},
    hardware={"cpu": "a CPU"},
    parity={"psnr_db": 51.2},
    build_seconds=1.5,
    measured={"2 x a CPU": 310.5},
)
TENSORRT = replace(
    MANIFEST,
    format="tensorrt",
    shapes=Shapes((1, 143, 143), (1, 286, 508), (4, 1016, 1016)),
    files={"A_to_B-tensorrt.engine": "ef" * 32},
    versions={"tensorrt": "11.4.0.106"},
    hardware={"gpu": "NVIDIA L4", "compute_capability": "8.9"},
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """An engine's manifest, beside its file."""
    path = tmp_path / f"A_to_B-onnx-fp16{SUFFIX}"
    path.write_text(MANIFEST.to_json())
    (tmp_path / "A_to_B-onnx-fp16.onnx").write_bytes(DATA)
    return path


@pytest.mark.parametrize("manifest", [MANIFEST, TENSORRT], ids=["onnx", "tensorrt"])
def test_what_is_written_is_read(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIX}"
    path.write_text(manifest.to_json())
    assert read_manifest(path) == manifest
    assert read_manifest(path).to_json() == manifest.to_json()


def test_an_engine_is_found_and_read(kept: Path) -> None:
    assert list(find_engines(kept.parent)) == [EngineFile(kept, MANIFEST)]
    engine = EngineFile(kept, MANIFEST)
    assert (engine.name, engine.size_bytes, engine.read()) == ("A_to_B-onnx-fp16", len(DATA), [DATA])
    assert list(find_engines(kept.parent / "nowhere")) == []


def test_a_file_that_is_damaged_or_missing_is_refused(kept: Path) -> None:
    engine = EngineFile(kept, MANIFEST)
    engine.paths[0].write_bytes(DATA[:-1])
    with pytest.raises(EngineError, match=r"fp16\.onnx: is damaged.*Run cgtool export --force"):
        engine.read()
    engine.paths[0].unlink()
    assert engine.size_bytes == 0
    with pytest.raises(EngineError, match=r"fp16\.onnx: can't be read: No such file"):
        engine.read()


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda data: data.pop(key)


def holding(**changes: Any) -> Callable[[dict[str, Any]], object]:  # noqa: ANN401  # JSON
    return lambda data: data.update(changes)


DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (holding(format_version=2), "format version is not 1"),
        (without("format_version"), "format version is not 1"),
        (without("key"), "key"),
        (without("files"), "files"),
        (holding(invented=1), "invented"),
        (holding(domains=["summer"]), "unpack"),
        (holding(direction="up"), "'up'"),
        (holding(format="coreml"), "'coreml'"),
        (holding(precision="fp8"), "'fp8'"),
        (holding(files={}), "files are not .onnx"),
        (holding(files={"a.onnx": DIGEST, "b.onnx": DIGEST}), "files are not .onnx"),
        (holding(format="openvino", files={"a.xml": DIGEST}), "files are not .xml and .bin"),
        (holding(files={"../a.onnx": DIGEST}), "no plain name"),
        (holding(files={"/etc/a.onnx": DIGEST}), "no plain name"),
        (holding(files={"..\\a.onnx": DIGEST}), "no plain name"),
        (holding(files={".a.onnx": DIGEST}), "no plain name"),
        (holding(files={"a b\n.onnx": DIGEST}), "no plain name"),
        (holding(files={"a.onnx": "ab"}), "no SHA-256"),
        (holding(files=["a.onnx"]), "files are not"),
        (holding(format="tensorrt", files={"a.engine": DIGEST}), "shapes are for TensorRT"),
        (holding(shapes={"min": [1, 8, 8], "opt": [1, 8, 8], "max": [1, 8, 8]}), "shapes are for TensorRT"),
        (holding(measured=[]), "measured is no object"),
        (holding(parity=None), "parity is no object"),
        (holding(parity={"psnr_db": "good"}), "parity's figures"),
        (holding(measured={"here": "fast"}), "measured milliseconds"),
        (holding(measured={"here": -1}), "measured milliseconds"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_not_ours_is_refused(
    change: Callable[[dict[str, Any]], object], words: str, kept: Path
) -> None:
    data = json.loads(kept.read_text())
    change(data)
    kept.write_text(json.dumps(data))
    with pytest.raises(EngineError) as refused:
        read_manifest(kept)
    assert str(refused.value).startswith(f"{kept}: not a manifest that this cgtool reads")
    assert words in str(refused.value)
    (found,) = find_engines(kept.parent)
    assert isinstance(found, EngineError)


@pytest.mark.parametrize(
    "shapes",
    [
        {"min": [2, 8, 8], "opt": [1, 8, 8], "max": [4, 8, 8]},
        {"min": [0, 8, 8], "opt": [1, 8, 8], "max": [4, 8, 8]},
        {"min": [1, 8], "opt": [1, 8, 8], "max": [4, 8, 8]},
        {"min": [1, 8, 8], "opt": [1, 8, 8]},
        {"min": [1, 8, 8], "opt": [1, 8, 8], "max": [4, 8, float("inf")]},
        {"min": [1, 8, 8], "opt": [1, 8, 8], "max": [4, 8, None]},
        [1, 8, 8],
    ],
)
def test_impossible_shapes_are_refused(shapes: object, tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIX}"
    path.write_text(json.dumps(json.loads(TENSORRT.to_json()) | {"shapes": shapes}))
    with pytest.raises(EngineError, match="not a manifest"):
        read_manifest(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "\x00", '{"format_version": 1}', "[" * 100_000])
def test_text_that_is_no_manifest_is_refused(text: str, kept: Path) -> None:
    kept.write_text(text)
    with pytest.raises(EngineError, match="not a manifest"):
        read_manifest(kept)


def test_bytes_that_are_no_text_are_refused(kept: Path) -> None:
    kept.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EngineError, match="not a manifest"):
        read_manifest(kept)


def test_a_missing_manifest_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="can't be read: No such file"):
        read_manifest(tmp_path / f"x{SUFFIX}")


def test_a_manifest_of_an_earlier_cgtool_is_read(kept: Path) -> None:
    """Its parity told figures of the border, which nobody reads any more."""
    data = json.loads(kept.read_text())
    data["parity"] |= {"edge_mean_levels": 0.2, "middle_mean_levels": 0.1}
    kept.write_text(json.dumps(data))
    assert read_manifest(kept).parity["edge_mean_levels"] == 0.2


def test_an_engine_is_one_of_its_generator(kept: Path) -> None:
    source = GeneratorSource("ab" * 32, "summer2winter A_to_B", 4, lambda: pytest.fail("loaded"))
    spec = EngineFile(kept, MANIFEST).spec(source)
    assert (spec.format, spec.precision, spec.shapes) == ("onnx", "fp16", None)
    assert (spec.target.hardware, spec.folder) == ({"cpu": "a CPU"}, kept.parent)
