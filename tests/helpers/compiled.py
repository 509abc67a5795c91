"""A tiny model and its engines: made once by what `cgtool export` itself does, copied by the tests that change them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import pytest

from cgtool.backends import proof
from cgtool.backends.onnx import export as onnx_export
from cgtool.backends.selection import EngineRequest
from cgtool.backends.spec import SUFFIX
from cgtool.backends.torch.graph import FrameGraph
from cgtool.conversion.events import Finished, Result
from cgtool.conversion.request import ConvertRequest
from cgtool.models.folder import ModelFolder
from cgtool.models.weights import save_model_folder
from cgtool.tasks import export as task
from cgtool.tasks.convert import convert, lay_out
from tests.backends.support import small_generator

_real = onnx_export.to_onnx
_made: dict[tuple[str, str], bytes] = {}


def tiny_model(path: Path, seed: int = 0) -> ModelFolder:
    """A model folder of one direction, night, with random weights; it works at 64 px."""
    return save_model_folder(
        path,
        {"A_to_B": small_generator("resnet", seed)},
        domains=("day", "night"),
        training_scale=64,
        provenance={"note": "random"},
    )


def remembered(graph: FrameGraph, metadata: Mapping[str, str] | None = None) -> bytes:
    """`to_onnx`, which takes seconds, once for each network."""
    digest = hashlib.sha256(str(graph.dtype).encode())
    for value in graph.state_dict().values():
        digest.update(value.numpy().tobytes())
    key = digest.hexdigest(), str(graph.stride)
    if key not in _made:
        _made[key] = _real(graph)
    model = onnx.load_from_string(_made[key])
    onnx.helper.set_model_props(model, dict(metadata or {}))
    return bytes(model.SerializeToString())


@contextmanager
def quick_exports() -> Iterator[pytest.MonkeyPatch]:
    """Export each network once, and measure speed for a moment only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "to_onnx", remembered)
        patch.setattr(proof, "SECONDS", 0.02)
        yield patch


def compile_tiny(path: Path) -> ModelFolder:
    """A tiny model with engines: ONNX in fp16 and fp32, OpenVINO in fp32."""
    model = tiny_model(path)
    with quick_exports():
        for options in (
            task.ExportRequest((str(path),), format="onnx", precision="fp16"),
            task.ExportRequest((str(path),), format="onnx", precision="fp32"),
            task.ExportRequest((str(path),), format="openvino", precision="fp32"),
        ):
            *_, done = task.export(task.plan(options, None), options)
            assert isinstance(done, task.Exported)
            assert done.status == "compiled", done.error
    return model


def manifest_of(folder: Path, name: str) -> Path:
    return folder / f"A_to_B-{name}{SUFFIX}"


def forge(folder: Path, name: str, **changes: Any) -> None:  # noqa: ANN401  # JSON
    """Change what an engine's manifest says."""
    path = manifest_of(folder, name)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def replace_file(folder: Path, name: str, suffix: str, data: bytes) -> None:
    """Put other bytes in an engine's file, with a manifest that confirms them."""
    path = folder / f"A_to_B-{name}{suffix}"
    path.write_bytes(data)
    files = json.loads(manifest_of(folder, name).read_text())["files"]
    forge(folder, name, files=files | {path.name: hashlib.sha256(data).hexdigest()})


def converted(source: Path, target: Path, model: Path, engine: EngineRequest, *, end: int | None = None) -> Result:
    """Convert one file with nothing but the network: no smoothing, no detail of the source's, at its own size."""
    request = ConvertRequest(
        source,
        to="night",
        model=model,
        output=target,
        engine=engine.engine,
        device=engine.device,
        precision=engine.precision,
        size="native",
        smooth=0,
        detail="resize",
        end=end,
    )
    *_, done = convert(lay_out(request))
    assert isinstance(done, Finished)
    return done.result
