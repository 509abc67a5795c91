"""Graphs of generators as ONNX, for engines that compile them on the fly: from a model's folder, or made once and kept.

Imports no framework, unless a graph has to be made.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from cgtool.backends.base import GeneratorSource
from cgtool.backends.manifest import EngineFile, find_engines
from cgtool.backends.sample import Promise
from cgtool.config import EnginePrecision, cache_dir
from cgtool.errors import EngineError
from cgtool.extras import require
from cgtool.files import write_whole

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Graph:
    """A generator's frame graph as ONNX.

    Attributes:
        onnx: The serialized model.
        precision: The type that its convolutions are written in: ``fp32`` or ``fp16``.
        notes: Things that were done to have it.
        warnings: Reasons why it could not be kept.
        promise: Of the ONNX engine that it is taken from, if it is.
    """

    onnx: bytes
    precision: EnginePrecision
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    promise: Promise | None = None


def onnx_graph(source: GeneratorSource, *, half: bool = True) -> Graph:
    """The source's frame graph (see `cgtool.backends.onnx.export`), without PyTorch where it was exported before.

    It is taken from an ONNX engine in the source's places, else from the cache, else exported into the cache. A cached
    file's name ends with the SHA-256 of its content: a damaged one is deleted and made anew, and processes that export
    at the same time can't harm each other.

    Args:
        source: The generator.
        half: An FP16 graph will do, for what computes in its own precision anyway.

    Raises:
        EngineError: The network can't be exported.
        ModelError: The source can't be loaded.
        UsageError: It has to be exported, and a package for that is not installed.
    """
    warnings: list[str] = []
    for engine in onnx_engines(source):
        if engine.manifest.precision == "fp16" and not half:
            continue
        try:
            data = engine.read()[0]
        except EngineError as error:
            warnings.append(str(error))
            continue
        logger.debug("%s: the graph is that of %s", source.label, engine.manifest_path)
        return Graph(data, engine.manifest.precision, (), tuple(warnings), engine.promise)
    folder = cache_dir() / "graphs"
    prefix = f"{source.key}-"
    cached = _read_verified(folder, prefix)
    if cached is not None:
        logger.debug("%s: the graph is one kept in %s", source.label, folder)
        return Graph(cached, "fp32", warnings=tuple(warnings))
    logger.debug("%s: no graph is kept in %s; it is exported now", source.label, folder)
    return _made(source, folder, prefix, warnings)


def _made(source: GeneratorSource, folder: Path, prefix: str, warnings: list[str]) -> Graph:
    """Export the graph and keep it, if the folder can be written."""
    for module in ("torch", "onnx", "onnxscript"):
        require(module, "train")
    from cgtool.backends.onnx.export import to_onnx
    from cgtool.backends.torch.graph import frame_graph

    data = to_onnx(frame_graph(source.load(), source.stride, "fp32", source.cell))
    try:
        write_whole(folder / f"{prefix}{hashlib.sha256(data).hexdigest()}.onnx", data)
    except OSError as error:
        warnings.append(
            f"{folder}: the prepared network can't be kept ({error.strerror}), so that every start prepares it again. "
            "Set CGTOOL_CACHE to a folder that can be written"
        )
        return Graph(data, "fp32", warnings=tuple(warnings))
    note = f"{source.label} was prepared once and kept in {folder}; later starts are faster"
    return Graph(data, "fp32", (note,), tuple(warnings))


def onnx_engines(source: GeneratorSource) -> list[EngineFile]:
    """The ONNX engines in the source's places that are made of its weights, those in FP16 (half the size) first."""
    found = [
        engine
        for place in source.places
        for engine in find_engines(place)
        if isinstance(engine, EngineFile)
        and engine.manifest.format == "onnx"
        and engine.manifest.key == source.key
        and engine.manifest.direction == source.direction
    ]
    return sorted(found, key=lambda engine: engine.manifest.precision != "fp16")


def _read_verified(folder: Path, prefix: str) -> bytes | None:
    """The file that is called ``{prefix}{SHA-256 of its content}.onnx``; damaged ones are deleted."""
    try:
        for path in folder.glob(f"{prefix}*.onnx"):
            data = path.read_bytes()
            if path.stem == prefix + hashlib.sha256(data).hexdigest():
                return data
            path.unlink(missing_ok=True)
    except OSError:
        return None  # a file that can't be read, or deleted, is as good as absent: the graph is made anew
    return None
