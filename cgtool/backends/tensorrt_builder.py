"""TensorRT engines from ONNX graphs. Supports TensorRT 10.12 or newer and 11.

Every name and signature used here is checked against TensorRT 11.4's Python bindings, and a recording stand-in drives
the code (tests/backends/tensorrt). It has not yet run on a GPU: ``make test-tensorrt`` proves it on a machine with one.

TensorRT's types are ``Any`` to mypy, because it ships none; the annotations are what the contract test checks names by.
"""

from __future__ import annotations

import functools
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cgtool.backends.cache import write_atomically
from cgtool.backends.manifest import Shapes
from cgtool.errors import EngineError, OutOfMemoryError, UsageError

if TYPE_CHECKING:
    import tensorrt

FRAMES, TRANSLATED = "frames", "translated"
"""The graph's input and output, both uint8 of shape (batch, height, width, 3); see `cgtool.backends.graph.to_onnx`."""

_OLDEST, _UNKNOWN = (10, 12), (12, 0)
_KEPT_LINES = 8
_OUT_OF_MEMORY = ("out of memory", "outofmemory", "could not be allocated")
"""What TensorRT, CUDA and PyTorch say, in lower case, when the GPU's memory runs out."""

Progress = Callable[[str, int, int], bool]
"""Called with a phase's name, how many of its steps are done and how many it has; returns False to cancel. It is called
from TensorRT's threads, and phases nest."""


@dataclass(frozen=True)
class BuildOptions:
    """How an engine is built.

    Attributes:
        shapes: (batch, height, width) of the frames: the optimisation profile.
        workspace_mb: Limit of the memory for a layer's intermediate results, in MiB; None for all of the GPU's.
        timing_cache: File that keeps what was measured, so that a similar build takes seconds; None for none.
        optimization_level: 0 (quick to build) to 5 (searches longest).
        hardware_compatible: Runs on other GPUs too, somewhat slower: all since Ampere if built on one of these, else
            all of the same compute capability.
        version_compatible: Runs on newer TensorRT of the same major version too. Such an engine holds host code.

    Raises:
        UsageError: A number is out of range.
    """

    shapes: Shapes
    workspace_mb: int | None = None
    timing_cache: Path | None = None
    optimization_level: int = 3
    hardware_compatible: bool = False
    version_compatible: bool = False

    def __post_init__(self) -> None:
        if self.workspace_mb is not None and self.workspace_mb < 1:
            raise UsageError(f"--workspace {self.workspace_mb} is no size in MB", hint="Use 1 or more")
        if not 0 <= self.optimization_level <= 5:
            raise UsageError(f"TensorRT has no optimisation level {self.optimization_level}", hint="Use 0 to 5")


def load_tensorrt() -> ModuleType:
    """Import TensorRT: the only place that does.

    Raises:
        EngineError: It is not installed, or of a version that is not supported.
    """
    try:
        import tensorrt
    except (ImportError, OSError) as error:  # on Windows a missing library is an OSError
        raise EngineError(f"tensorrt can't be imported: {error}", hint="Run: pip install cgtool[tensorrt]") from error
    version = re.match(r"(\d+)\.(\d+)", tensorrt.__version__)
    if version is None or not _OLDEST <= (int(version[1]), int(version[2])) < _UNKNOWN:
        raise EngineError(
            f"TensorRT {tensorrt.__version__} is not supported: 10.12 or newer and 11 are",
            hint="Run: pip install --upgrade cgtool[tensorrt]",
        )
    module: ModuleType = tensorrt
    return module


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
        words = [] if error is None else [str(error).strip().split("\n", 1)[0] or type(error).__name__]
        words += self.errors
        text = f"{message}: {'; '.join(words) or 'TensorRT gives no reason'}"
        if isinstance(error, MemoryError) or any(sign in text.lower() for sign in _OUT_OF_MEMORY):
            return OutOfMemoryError(text, hint="A smaller --batch or --size needs less")
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


class _Steps:
    """Passes progress on and asks TensorRT to stop, which it does after the step.

    TensorRT swallows exceptions of its monitor: they are kept here. It calls from several threads.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._totals: dict[str, int] = {}
        self._stop: BaseException | None = None

    def start(self, phase: str, steps: int) -> None:
        self._totals[phase] = steps
        self._report(phase, 0)

    def done(self, phase: str, step: int) -> bool:
        """Whether to go on."""
        self._report(phase, step + 1)
        return self._stop is None

    def stop(self, reason: BaseException) -> None:
        self._stop = self._stop or reason

    def check(self) -> None:
        """Raise what stopped the build."""
        if self._stop is not None:
            raise self._stop

    def _report(self, phase: str, done: int) -> None:
        if self._progress is None or self._stop is not None:
            return
        try:
            if not self._progress(phase, done, self._totals[phase]):
                self.stop(KeyboardInterrupt())
        except BaseException as error:  # check() raises it
            self.stop(error)


def _monitor(trt: ModuleType, steps: _Steps) -> tensorrt.IProgressMonitor:
    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined, misc]  # TensorRT has no types
        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            steps.start(phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return steps.done(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            """Nothing is left to say: a phase may end before its last step."""

    return Monitor()


def build_engine(onnx: bytes, options: BuildOptions, device: int = 0, progress: Progress | None = None) -> bytes:
    """Build an engine; takes minutes.

    The graph decides the precision of every layer (a strongly typed network): FP16 must be in it.

    Args:
        onnx: A graph as `cgtool.backends.graph.to_onnx` writes it.
        options: How.
        device: The GPU's number.
        progress: Hears of every step, and may cancel.

    Returns:
        The engine for this GPU model and TensorRT version, unless ``options`` say more.

    Raises:
        EngineError: TensorRT is missing, refuses the graph or can't build it; or the timing cache can't be kept.
        OutOfMemoryError: The GPU's memory does not hold the build.
        KeyboardInterrupt: Ctrl-C, or ``progress`` returned False.
    """
    trt = load_tensorrt()
    steps = _Steps(progress)
    # In a thread, so that Ctrl-C is heard here whichever threads TensorRT calls its monitor from.
    with ThreadPoolExecutor(1, "tensorrt-build") as pool:
        future = pool.submit(_build, trt, onnx, options, device, steps)
        try:
            while wait([future], timeout=0.1).not_done:
                pass  # a signal may have hit one of the other threads: Python looks for it when this one wakes
            return future.result()
        except BaseException as error:
            steps.stop(error)  # leaving the pool waits for the thread
            raise


def _build(trt: ModuleType, onnx: bytes, options: BuildOptions, device: int, steps: _Steps) -> bytes:
    import torch

    capability = compute_capability(device)
    stored = None if options.timing_cache is None else _read_timing_cache(options.timing_cache)
    log = log_of(trt)
    with torch.cuda.device(device), log.translated("TensorRT can't build the engine"):
        builder = trt.Builder(log.sink)
        # Always, with no test for its existence: 10 without it makes FP32 engines of FP16 graphs. 11 ignores it, for
        # its networks are always strongly typed.
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, log.sink)  # it owns the weights: to be kept until the engine is built
        _parse(trt, parser, network, onnx)

        config = builder.create_builder_config()
        _configure(trt, config, options, capability)
        profile = builder.create_optimization_profile()
        low, best, high = ((*shape, 3) for shape in (options.shapes.min, options.shapes.opt, options.shapes.max))
        profile.set_shape(FRAMES, low, best, high)
        if config.add_optimization_profile(profile) < 0:
            raise log.failure(f"TensorRT refuses the shapes {options.shapes}")
        if stored is not None:
            _set_timing_cache(config, stored)
        monitor = _monitor(trt, steps)
        config.progress_monitor = monitor

        log.errors.clear()  # what a foreign timing cache was refused for
        plan = builder.build_serialized_network(network, config)
        if plan is not None and options.timing_cache is not None:
            _keep_timing_cache(config, options.timing_cache)
    steps.check()
    if plan is None:
        raise log.failure("TensorRT can't build the engine")
    return bytes(plan)


def _parse(trt: ModuleType, parser: tensorrt.OnnxParser, network: tensorrt.INetworkDefinition, onnx: bytes) -> None:
    if not parser.parse(onnx):
        errors = [_words(parser.get_error(index)) for index in range(parser.num_errors)]
        raise EngineError(f"TensorRT refuses the graph: {'; '.join(errors) or 'its parser gives no reason'}")
    if (
        (network.num_inputs, network.num_outputs) != (1, 1)
        or (network.get_input(0).name, network.get_output(0).name) != (FRAMES, TRANSLATED)
        or network.get_input(0).dtype != trt.DataType.UINT8
        or network.get_output(0).dtype != trt.DataType.UINT8
    ):
        raise EngineError(
            f"the graph is not one of cgtool's: it must take and give uint8, as {FRAMES} and {TRANSLATED}"
        )


def _words(error: tensorrt.ParserError) -> str:
    return f"node {error.node()} {error.node_name()} ({error.node_operator()}): {' '.join(error.desc().split())}"


def _configure(trt: ModuleType, config: tensorrt.IBuilderConfig, options: BuildOptions, capability: str) -> None:
    config.builder_optimization_level = options.optimization_level
    config.clear_flag(trt.BuilderFlag.TF32)  # fp32 means FP32
    if options.workspace_mb is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mb * 2**20)
    if options.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        if int(capability.split(".")[0]) >= 8:
            config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
        else:
            config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.SAME_COMPUTE_CAPABILITY


def _read_timing_cache(path: Path) -> bytes:
    """The file's content, nothing if there is none. It is written back at once: a build is too long to fail after."""
    try:
        stored = path.read_bytes() if path.exists() else b""
        write_atomically(path, stored)
    except OSError as error:
        raise EngineError(
            f"can't keep the timing cache: {error.strerror}", path=path, hint="Use another file"
        ) from error
    return stored


def _set_timing_cache(config: tensorrt.IBuilderConfig, stored: bytes) -> None:
    """Attach it, or an empty one: TensorRT refuses what is damaged or of another GPU or version."""
    for data in (stored, b""):
        cache = config.create_timing_cache(data)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return
    raise EngineError("TensorRT refuses a new timing cache")


def _keep_timing_cache(config: tensorrt.IBuilderConfig, path: Path) -> None:
    try:
        write_atomically(path, bytes(config.get_timing_cache().serialize()))
    except OSError as error:
        raise EngineError(
            f"can't keep the timing cache: {error.strerror}", path=path, hint="Use another file"
        ) from error
