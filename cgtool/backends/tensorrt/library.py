"""TensorRT and TensorRT for RTX: two packages with one API, and all that differs between them.

====================  ====================================  ========================================================
what                  TensorRT                              TensorRT for RTX
====================  ====================================  ========================================================
GPUs                  the one that it builds on             named: an engine is built on any machine, GPU or not
tactics               measured while building               chosen and compiled when an engine first runs
kept between runs     the builder's timing cache            the runtime's cache of compiled kernels
CUDA graphs           captured by us                        captured by the library
compatibility         flags for hardware and version        neither
====================  ====================================  ========================================================

Types are annotated as TensorRT's, for both have the same names; the contract test checks each class of this module
against the bindings of its own package.
"""

from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cgtool.backends.spec import BuildOptions
from cgtool.backends.tensorrt import bindings
from cgtool.files import write_whole

if TYPE_CHECKING:
    import tensorrt

logger = logging.getLogger(__name__)


class Library(ABC):
    """One of the two packages.

    Attributes:
        kind: The kind of engines that it builds and runs.
        title: Its name in messages.
        has_timing_cache: Whether its builder measures, and can keep what it measured.
        captures: Whether it captures CUDA graphs by itself.
    """

    kind: str
    title: str
    has_timing_cache: bool
    captures: bool

    @abstractmethod
    def load(self) -> ModuleType:
        """Import it.

        Raises:
            EngineError: It is not installed, or of a version that is not supported.
        """

    @abstractmethod
    def building_on(self, ordinal: int) -> AbstractContextManager[object]:
        """Makes a GPU the builder's, where a builder needs one.

        Raises:
            EngineError: There is no such GPU.
        """

    @abstractmethod
    def configure(self, trt: ModuleType, config: tensorrt.IBuilderConfig, options: BuildOptions, ordinal: int) -> None:
        """Set what only this package has: which GPUs and versions an engine is for."""

    @abstractmethod
    def runner(self, trt: ModuleType, engine: tensorrt.ICudaEngine, cache: Path | None) -> Runner:
        """What makes an opened engine's execution contexts.

        Args:
            trt: The package.
            engine: The engine.
            cache: A file for what is compiled when it runs; None to keep nothing.
        """


class Runner:
    """Makes execution contexts whose scratch memory is the caller's.

    Args:
        make: Makes one; None if the library refuses.
        keep: Called when the engine is closed.
    """

    def __init__(
        self, make: Callable[[], tensorrt.IExecutionContext | None], keep: Callable[[], None] = lambda: None
    ) -> None:
        self.make = make
        self.keep = keep


class TensorRT(Library):
    """TensorRT 10.12 or newer and 11."""

    kind, title = "tensorrt", "TensorRT"
    has_timing_cache, captures = True, False

    def load(self) -> ModuleType:
        """Import TensorRT (see `Library.load`)."""
        return bindings.load_tensorrt()

    def building_on(self, ordinal: int) -> AbstractContextManager[object]:
        """The GPU that tactics are measured on (see `Library.building_on`)."""
        import torch

        bindings.compute_capability(ordinal)  # names a GPU that is not there
        return torch.cuda.device(ordinal)

    def configure(self, trt: ModuleType, config: tensorrt.IBuilderConfig, options: BuildOptions, ordinal: int) -> None:
        """Compatibility with other versions and GPUs (see `Library.configure`)."""
        if options.version_compatible:
            config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
        if options.hardware_compatible:
            if int(bindings.compute_capability(ordinal).split(".")[0]) >= 8:
                config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
            else:
                config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.SAME_COMPUTE_CAPABILITY

    def runner(self, trt: ModuleType, engine: tensorrt.ICudaEngine, cache: Path | None) -> Runner:
        """Plain contexts: all was compiled when the engine was built (see `Library.runner`)."""

        def make() -> tensorrt.IExecutionContext | None:
            return engine.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)

        return Runner(make)


class TensorRTForRTX(Library):
    """TensorRT for RTX 1.7 or newer."""

    kind, title = "tensorrt-rtx", "TensorRT for RTX"
    has_timing_cache, captures = False, True

    def load(self) -> ModuleType:
        """Import TensorRT for RTX (see `Library.load`)."""
        return bindings.load_tensorrt_rtx()

    def building_on(self, ordinal: int) -> AbstractContextManager[object]:
        """None: it compiles for GPUs that are named (see `Library.building_on`)."""
        return contextlib.nullcontext()

    def configure(self, trt: ModuleType, config: tensorrt.IBuilderConfig, options: BuildOptions, ordinal: int) -> None:
        """The GPUs (see `Library.configure`). Without any it would ask for the one that is there."""
        capabilities = {
            "sm75": trt.ComputeCapability.SM75,
            "sm80": trt.ComputeCapability.SM80,
            "sm86": trt.ComputeCapability.SM86,
            "sm89": trt.ComputeCapability.SM89,
            "sm120": trt.ComputeCapability.SM120,
            "sm121": trt.ComputeCapability.SM121,
        }
        config.num_compute_capabilities = len(options.gpus)
        for index, gpu in enumerate(options.gpus):
            if not config.set_compute_capability(capabilities[gpu], index):
                raise bindings.log_of(trt).failure(f"{self.title} does not compile for {gpu}")

    def runner(self, trt: ModuleType, engine: tensorrt.ICudaEngine, cache: Path | None) -> Runner:
        """Contexts that share a cache of compiled kernels, which the next process finds (see `Library.runner`)."""
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        # At once and not beside the first frames: a video has one shape, and its first frames are measured.
        strategies = trt.DynamicShapesKernelSpecializationStrategy
        config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        kernels = config.create_runtime_cache()
        stored = b"" if cache is None else _read(cache)
        if stored and not kernels.deserialize(stored):
            logger.debug("%s: of another GPU or version; it is made anew", cache)
        config.set_runtime_cache(kernels)

        def make() -> tensorrt.IExecutionContext | None:
            return engine.create_execution_context(config)

        def keep() -> None:
            compiled = bytes(kernels.serialize())
            if cache is not None and compiled != stored:
                _write(cache, compiled)

        return Runner(make, keep)


def _read(cache: Path) -> bytes:
    """A cache's content, nothing if it can't be read."""
    try:
        return cache.read_bytes()
    except OSError:
        return b""


def _write(cache: Path, data: bytes) -> None:
    """Keep a cache where that is possible: without it an engine starts slower, and that is all."""
    try:
        write_whole(cache, data)
    except OSError as error:
        logger.debug("%s: can't be kept: %s", cache, error.strerror)


TENSORRT = TensorRT()
TENSORRT_RTX = TensorRTForRTX()
