"""ONNX Runtime: for machines that have neither TensorRT nor OpenVINO, and for ONNX files made elsewhere."""

from __future__ import annotations

from types import ModuleType
from typing import Any, cast

from numpy.typing import NDArray

from cgtool.backends import machine
from cgtool.backends.base import BackendInfo, Engine, closed, counted, last_words, out_of_memory
from cgtool.backends.onnx import devices
from cgtool.config import EnginePrecision
from cgtool.errors import EngineError
from cgtool.pictures import Image

_OUT_OF_MEMORY = ("Failed to allocate", "bad allocation", "bad_alloc", "out of memory")
_ERRORS_ONLY = 3


class ONNXBackend(Engine):
    """Runs a generator's ONNX graph (`cgtool.backends.onnx.export.to_onnx`) in ONNX Runtime.

    Args:
        onnx: The serialized graph.
        label: The generator's name in messages.
        precision: The type that the graph's convolutions are written in. A CPU computes FP16 ones in FP32.
        device: ``cpu``, ``cuda:N``, or another of `cgtool.backends.onnx.devices`.

    Raises:
        EngineError: ONNX Runtime is not installed, lacks the device or refuses the graph.
    """

    def __init__(self, onnx: bytes, *, label: str, precision: EnginePrecision, device: str = "cpu") -> None:
        runtime = import_runtime()
        self._label = label
        options = runtime.SessionOptions()
        options.intra_op_num_threads = machine.usable_cpus()
        options.log_severity_level = _ERRORS_ONLY
        self._session: Any
        try:
            self._session, name = devices.opened(runtime, onnx, options, device)
        except EngineError:
            raise
        except Exception as error:  # its exceptions have no common class
            raise EngineError(f"onnx: {label} is refused: {last_words(error)}") from error
        self.info = BackendInfo("onnx", f"{device} ({name})", precision, 1 if device == "cpu" else 4)

    def infer(self, frames: Image) -> NDArray[Any]:
        """Translate frames (see `cgtool.backends.base.Backend.infer`)."""
        if self._session is None:
            raise closed("onnx")
        try:
            (translated,) = self._session.run(None, {"frames": frames})
        except Exception as error:  # its exceptions have no common class
            words, size = last_words(error), counted(frames.shape)
            if isinstance(error, MemoryError) or any(sign in str(error) for sign in _OUT_OF_MEMORY):
                raise out_of_memory(f"onnx: out of memory ({self._label}, {size}): {words}") from error
            raise EngineError(f"onnx: {self._label} failed ({size}): {words}") from error
        return cast(NDArray[Any], translated)

    def close(self) -> None:
        """Release the session."""
        self._session = None


def import_runtime() -> ModuleType:
    """ONNX Runtime.

    Raises:
        EngineError: It is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            f"onnxruntime can't be imported: {error}", hint="Run: pip install 'cgtool[onnxruntime]'"
        ) from error
    return cast(ModuleType, onnxruntime)
