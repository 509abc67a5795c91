"""Graphs that are compiled on the fly: taken from where they are, made once, and never trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from torch import nn

from cgtool.backends.base import GeneratorSource
from cgtool.backends.onnx.graphs import onnx_engines, onnx_graph
from cgtool.backends.openvino.backend import OpenVINOBackend
from cgtool.conversion.model import source_of as source_of_folder
from cgtool.errors import ModelError, UsageError
from cgtool.models.folder import read_model_folder
from tests.backends.support import source_of

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 24, 40, 3), dtype=np.uint8)


@pytest.fixture
def tiny() -> GeneratorSource:
    """A source that is exported quickly."""
    return source_of(nn.Conv2d(3, 3, 3, padding=1).eval(), 4, "tiny")


def test_a_damaged_graph_is_made_anew(own_cache: Path, tiny: GeneratorSource) -> None:
    with OpenVINOBackend(tiny) as backend:
        before = backend.infer(FRAMES)
        assert backend.warnings == []
        assert backend.notes == [f"tiny was prepared once and kept in {own_cache / 'graphs'}; later starts are faster"]
    (path,) = (own_cache / "graphs").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for blob in (own_cache / "openvino").iterdir():
        blob.chmod(0o600)
        blob.write_bytes(b"not a blob")
    with OpenVINOBackend(tiny) as backend:
        np.testing.assert_array_equal(backend.infer(FRAMES), before)
        assert backend.warnings == []
    (again,) = (own_cache / "graphs").iterdir()
    assert again.read_bytes() == whole


def test_a_cache_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: GeneratorSource
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CGTOOL_CACHE", str(tmp_path / "file" / "cache"))
    with OpenVINOBackend(tiny) as backend:
        assert backend.infer(FRAMES).std() > 0
        (warning,) = backend.warnings
    assert "file/cache/graphs: the prepared network can't be kept (Not a directory)" in warning
    assert "CGTOOL_CACHE" in warning


def test_a_damaged_model_is_the_error_that_is_seen(own_cache: Path) -> None:
    def load() -> None:
        raise ModelError("truncated", path="latest_net_G_A.pth")

    source = GeneratorSource("key", "label", 4, load)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"latest_net_G_A\.pth: truncated"):
        OpenVINOBackend(source)


def test_a_models_own_engines_serve_as_graphs(compiled: Path) -> None:
    source = source_of_folder(read_model_folder(compiled), "A_to_B")
    assert [engine.manifest.precision for engine in onnx_engines(source)] == ["fp16", "fp32"], "the smaller one first"
    assert onnx_graph(source).precision == "fp16"
    graph = onnx_graph(source, half=False)
    assert graph.precision == "fp32"
    assert graph.onnx == (compiled / "A_to_B-onnx-fp32.onnx").read_bytes()
    (compiled / "A_to_B-onnx-fp16.onnx").write_bytes(b"damaged")
    graph = onnx_graph(source)
    assert graph.precision == "fp32"
    assert "A_to_B-onnx-fp16.onnx: is damaged" in graph.warnings[0]


def test_what_has_to_be_exported_needs_packages(
    own_cache: Path, tiny: GeneratorSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"torch, which is not installed\. Run: pip install 'cgtool\[train\]'"):
        onnx_graph(tiny)
    assert not own_cache.exists()


def test_a_kept_graph_is_valid_and_called_by_its_content(own_cache: Path, tiny: GeneratorSource) -> None:
    onnx.checker.check_model(onnx.load_from_string(onnx_graph(tiny).onnx))
    (path,) = (own_cache / "graphs").iterdir()
    assert path.name.startswith("tiny-")
    assert len(path.stem) == len("tiny-") + 64
