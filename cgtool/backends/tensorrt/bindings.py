"""TensorRT's Python bindings: imported, asked for their version, and listened to. 10.12 or newer and 11 are supported.

Every name and signature of TensorRT that cgtool uses is checked against the bindings of 11.4, and stand-ins for
TensorRT and CUDA drive the code (tests/backends/tensorrt).

TensorRT's types are ``Any`` to mypy, because it ships none; the annotations are what the contract test checks names by.
"""

from __future__ import annotations

import functools
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from cgtool.backends.base import out_of_memory
from cgtool.errors import EngineError, first_line

if TYPE_CHECKING:
    import tensorrt

FRAMES, TRANSLATED, MAPS = "frames", "translated", "maps"
"""The graph's input and output, both uint8 of shape (batch, height, width, 3), or a map network's output in FP32; see
`cgtool.backends.onnx.export`."""

OUTPUTS = {TRANSLATED: "UINT8", MAPS: "FLOAT"}
"""The outputs that a graph may have, one of them, and TensorRT's names of their types."""

_OLDEST, _UNKNOWN = (10, 12), (12, 0)
_OLDEST_RTX, _UNKNOWN_RTX = (1, 7), (2, 0)
_KEPT_LINES = 8
_OUT_OF_MEMORY = ("out of memory", "outofmemory", "could not be allocated")
"""Words of TensorRT, CUDA and PyTorch, in lower case, when the GPU's memory runs out."""


def load_tensorrt() -> ModuleType:
    """Import TensorRT: the only place that does.

    Raises:
        EngineError: It is not installed, or of a version that is not supported.
    """
    with _imported("tensorrt"):
        import tensorrt
    return _supported(tensorrt, "TensorRT", _OLDEST, _UNKNOWN, "10.12 or newer and 11 are")


def load_tensorrt_rtx() -> ModuleType:
    """Import TensorRT for RTX: the only place that does.

    Raises:
        EngineError: It is not installed, or of a version that is not supported.
    """
    with _imported("tensorrt-rtx"):
        import tensorrt_rtx
    return _supported(tensorrt_rtx, "TensorRT for RTX", _OLDEST_RTX, _UNKNOWN_RTX, "1.7 or newer is")


@contextmanager
def _imported(package: str) -> Iterator[None]:
    """Say which package is missing, and how to have it."""
    try:
        yield
    except (ImportError, OSError) as error:  # on Windows a missing library is an OSError
        hint = f"Run: pip install 'cgtool[{package}]'"
        raise EngineError(f"{package} can't be imported: {error}", hint=hint) from error


def _supported(
    module: ModuleType, title: str, oldest: tuple[int, int], unknown: tuple[int, int], known: str
) -> ModuleType:
    if not oldest <= _numbers(module.__version__) < unknown:
        hint = f"Run: pip install --upgrade 'cgtool[{title.lower().replace(' for ', '-')}]'"
        raise EngineError(f"{title} {module.__version__} is not supported: {known}", hint=hint)
    return module


def _numbers(version: str) -> tuple[int, int]:
    """A version's first two numbers; (0, 0) if it has none."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return (0, 0) if match is None else (int(match[1]), int(match[2]))


def tensorrt_version() -> str:
    """TensorRT's version, such as ``11.4.0.106``.

    Raises:
        EngineError: See `load_tensorrt`.
    """
    return str(load_tensorrt().__version__)


def compute_capability(device: int) -> str:
    """A GPU's compute capability, such as ``8.9``.

    Raises:
        EngineError: PyTorch sees no such GPU.
    """
    import torch  # seconds, and not needed to ask for the version

    if device >= torch.cuda.device_count():
        raise EngineError(f"tensorrt: PyTorch sees no GPU cuda:{device}", hint="See https://pytorch.org/get-started")
    major, minor = torch.cuda.get_device_capability(device)
    return f"{major}.{minor}"


class Log:
    """TensorRT's last errors. It says only there why something failed: calls return None or False.

    Attributes:
        sink: The logger to give to TensorRT's objects.
        errors: The last lines of severity ERROR and worse.
    """

    def __init__(self, trt: ModuleType) -> None:
        errors: deque[str] = deque(maxlen=_KEPT_LINES)
        severe = (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR)

        class Sink(trt.ILogger):  # type: ignore[name-defined, misc]  # TensorRT has no types
            def log(self, severity: tensorrt.ILogger.Severity, msg: str) -> None:
                if severity in severe:
                    errors.append(" ".join(msg.split()))

        self.sink: tensorrt.ILogger = Sink()
        self.errors = errors

    def failure(self, message: str, error: Exception | None = None, hint: str | None = None) -> EngineError:
        """The error to raise: what failed, the foreign exception's first line and the last errors."""
        words = [] if error is None else [first_line(error)]
        words += self.errors
        text = f"{message}: {'; '.join(words) or 'TensorRT gives no reason'}"
        if isinstance(error, MemoryError) or any(sign in text.lower() for sign in _OUT_OF_MEMORY):
            return out_of_memory(text)
        return EngineError(text, hint=hint)

    @contextmanager
    def translated(self, message: str) -> Iterator[None]:
        """Turn exceptions of the bindings, CUDA and PyTorch into ours; starts with no errors."""
        self.errors.clear()
        try:
            yield
        except (RuntimeError, MemoryError, TypeError, ValueError) as error:  # TypeError: a constructor without a GPU
            raise self.failure(message, error) from error


@functools.cache
def log_of(trt: ModuleType) -> Log:
    """The process's one log: TensorRT keeps the first logger for all that belongs to no object."""
    return Log(trt)
