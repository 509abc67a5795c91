"""OpenVINO's own files (IR) of an ONNX graph, and 8-bit quantization of it."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cgtool.errors import EngineError
from cgtool.openvino_core import core, import_openvino
from cgtool.pictures import Image


def openvino_version() -> str:
    """Such as ``2026.4.0``."""
    return str(import_openvino().__version__).split("-", 1)[0]


def to_ir(model: bytes | Any, *, half: bool) -> list[bytes]:  # noqa: ANN401  # OpenVINO has no types
    """A model as the contents of its ``.xml`` and ``.bin`` files.

    Args:
        model: A serialized ONNX graph, or the result of `quantized`.
        half: Store weights in FP16.

    Raises:
        EngineError: OpenVINO refuses it.
    """
    openvino = import_openvino()
    try:
        read = core().read_model(model) if isinstance(model, bytes) else model
        with tempfile.TemporaryDirectory(prefix="cgtool-") as folder:
            path = Path(folder) / "engine.xml"
            openvino.save_model(read, path, compress_to_fp16=half)
            return [path.read_bytes(), path.with_suffix(".bin").read_bytes()]
    except (RuntimeError, OSError) as error:
        raise EngineError(f"openvino: the graph can't be converted: {error}") from error


def quantized(onnx: bytes, calibration: Sequence[Image]) -> Any:  # noqa: ANN401  # OpenVINO has no types
    """An ONNX graph with 8-bit weights and activations in its convolutions (post-training quantization, NNCF).

    Args:
        onnx: The serialized graph, FP32.
        calibration: Pictures on which the activations' ranges are measured: RGB, uint8, (height, width, 3) each.

    Raises:
        EngineError: NNCF is not installed or fails.
    """
    with contextlib.redirect_stdout(sys.stderr):  # NNCF's log and progress bars; standard output is for results
        try:
            import nncf
        except ImportError as error:
            raise EngineError(f"nncf can't be imported: {error}", hint="Run: pip install 'cgtool[int8]'") from error
        try:
            return nncf.quantize(
                core().read_model(onnx),
                nncf.Dataset(list(calibration), lambda picture: {"frames": picture[None]}),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(calibration),
            )
        except (RuntimeError, ValueError, nncf.InternalError) as error:
            raise EngineError(f"nncf can't quantize the graph: {error}", hint="Use --fp16") from error
