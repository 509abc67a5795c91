"""Engines of TensorRT and of TensorRT for RTX, from ONNX graphs.

TensorRT's own builder needs a GPU, and has not yet run on one: ``make test-tensorrt`` proves it on a machine that has.
The builder of TensorRT for RTX needs none: tests compile every shipped model with it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cgtool.backends.spec import BuildOptions, Progress, Shapes
from cgtool.backends.tensorrt.bindings import FRAMES, OUTPUTS, log_of
from cgtool.backends.tensorrt.library import Library
from cgtool.errors import EngineError
from cgtool.files import write_whole

if TYPE_CHECKING:
    import tensorrt


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


def build_engine(
    library: Library,
    onnx: bytes,
    shapes: Shapes,
    options: BuildOptions,
    *,
    device: int = 0,
    progress: Progress | None = None,
) -> bytes:
    """Build an engine; takes minutes.

    The graph decides the precision of every layer (a strongly typed network): FP16 must be in it.

    Args:
        library: TensorRT, or TensorRT for RTX.
        onnx: A graph as `cgtool.backends.onnx.export.to_onnx` writes it.
        shapes: The frames that the engine is to take: its optimization profile.
        options: How it is built.
        device: The number of the GPU to build on, where one is needed.
        progress: Hears of every step, and may cancel.

    Returns:
        The engine for this GPU model and TensorRT version, unless ``options`` say more; of TensorRT for RTX the one for
        the GPUs that ``options`` name.

    Raises:
        EngineError: TensorRT refuses the graph or can't build it; or the timing cache can't be kept.
        OutOfMemoryError: The GPU's memory does not hold the build.
        KeyboardInterrupt: Ctrl-C, or ``progress`` returned False.
    """
    steps = _Steps(progress)
    # In a thread, so that Ctrl-C is heard here whichever threads TensorRT calls its monitor from.
    with ThreadPoolExecutor(1, "tensorrt-build") as pool:
        future = pool.submit(_build, library, onnx, shapes, options, device, steps)
        try:
            while wait([future], timeout=0.1).not_done:
                pass  # a signal may have hit one of the other threads: Python looks for it when this one wakes
            return future.result()
        except BaseException as error:
            steps.stop(error)  # leaving the pool waits for the thread
            raise


def _build(library: Library, onnx: bytes, shapes: Shapes, options: BuildOptions, device: int, steps: _Steps) -> bytes:
    trt = library.load()
    building_on = library.building_on(device)
    cache = options.timing_cache if library.has_timing_cache else None
    stored = None if cache is None else _read_timing_cache(cache)
    log = log_of(trt)
    with building_on, log.translated(f"{library.title} can't build the engine"):
        builder = trt.Builder(log.sink)
        # Always, with no test for its existence: 10 without it makes FP32 engines of FP16 graphs. 11 ignores it, for
        # its networks are always strongly typed.
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, log.sink)  # it owns the weights: to be kept until the engine is built
        _parse(trt, parser, network, onnx, library.title)

        config = builder.create_builder_config()
        config.builder_optimization_level = options.optimization_level
        config.clear_flag(trt.BuilderFlag.TF32)  # fp32 means FP32
        if options.workspace_mb is not None:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mb * 2**20)
        library.configure(trt, config, options, device)
        profile = builder.create_optimization_profile()
        low, best, high = ((*shape, 3) for shape in (shapes.min, shapes.opt, shapes.max))
        profile.set_shape(FRAMES, low, best, high)
        if config.add_optimization_profile(profile) < 0:
            raise log.failure(f"{library.title} refuses frames of {shapes}")
        if stored is not None:
            _set_timing_cache(config, stored)
        monitor = _monitor(trt, steps)
        config.progress_monitor = monitor

        log.errors.clear()  # what a foreign timing cache was refused for
        plan = builder.build_serialized_network(network, config)
        if plan is not None and cache is not None:
            _keep_timing_cache(config, cache)
    steps.check()
    if plan is None:
        raise log.failure(f"{library.title} can't build the engine")
    return bytes(plan)


def _parse(
    trt: ModuleType, parser: tensorrt.OnnxParser, network: tensorrt.INetworkDefinition, onnx: bytes, title: str
) -> None:
    if not parser.parse(onnx):
        errors = [_words(parser.get_error(index)) for index in range(parser.num_errors)]
        raise EngineError(f"{title} refuses the graph: {'; '.join(errors) or 'its parser gives no reason'}")
    if (network.num_inputs, network.num_outputs) == (1, 1):
        given = network.get_input(0)
        made = network.get_output(0)
        types = {"UINT8": trt.DataType.UINT8, "FLOAT": trt.DataType.FLOAT}
        wanted = types.get(OUTPUTS.get(made.name, ""))
        if given.name == FRAMES and given.dtype == trt.DataType.UINT8 and wanted == made.dtype:
            return
    known = " or ".join(f"{name} ({type_})" for name, type_ in OUTPUTS.items())
    raise EngineError(f"the graph is not one of cgtool's: it must take {FRAMES} (UINT8) and give {known}")


def _words(error: tensorrt.ParserError) -> str:
    """A parser's error for people: which node, and its reason without the places in NVIDIA's source."""
    reasons = [line for line in error.desc().splitlines() if "catchCudaError" not in line]
    where = f"node {error.node()} {error.node_name()} ({error.node_operator()})"
    if "Plugin not found" in error.desc() or error.desc() == "false":
        return f"{where}: it has no such operator"
    return f"{where}: {' '.join(' '.join(reasons).split())}"


def _read_timing_cache(path: Path) -> bytes:
    """The file's content, nothing if there is none. It is written back at once: a build is too long to fail after."""
    try:
        stored = path.read_bytes() if path.exists() else b""
        write_whole(path, stored)
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
        write_whole(path, bytes(config.get_timing_cache().serialize()))
    except OSError as error:
        raise EngineError(
            f"can't keep the timing cache: {error.strerror}", path=path, hint="Use another file"
        ) from error
