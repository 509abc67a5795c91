"""What engines keep in the user's cache folder: files that are whole or absent, whoever else writes them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from cgtool.backends.base import GeneratorSource
from cgtool.config import cache_dir

GRAPH_VERSION = 1
"""Counted up when `cgtool.backends.graph` gives another graph for the same generator."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it when whole; makes the folder.

    Raises:
        OSError: The folder can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:32]}", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise


def onnx_graph(source: GeneratorSource) -> tuple[bytes, list[str]]:
    """The source's frame graph as ONNX (see `cgtool.backends.graph.to_onnx`), exported once and then cached.

    The file's name ends with the SHA-256 of its content: a damaged one is deleted and made anew, and processes that
    export at the same time can't harm each other. PyTorch is imported only to export.

    Returns:
        The serialised model, and a warning if it could not be kept.

    Raises:
        EngineError: The network can't be exported.
        ModelError: The source can't be loaded.
    """
    folder = cache_dir() / "graphs"
    prefix = f"{source.key}-v{GRAPH_VERSION}-"
    cached = _read_verified(folder, prefix)
    if cached is not None:
        return cached, []

    from cgtool.backends.graph import FrameGraph, to_onnx

    data = to_onnx(FrameGraph(source.load(), source.stride))
    try:
        write_atomically(folder / f"{prefix}{hashlib.sha256(data).hexdigest()}.onnx", data)
    except OSError as error:
        return data, [
            f"{folder}: the prepared network can't be kept ({error.strerror}), so that every start prepares it again. "
            "Set CGTOOL_CACHE to a folder that can be written"
        ]
    return data, []


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
