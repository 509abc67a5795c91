"""TensorRT among the kinds of engines: plans for one GPU model, one TensorRT and frames within a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cgtool.backends import machine
from cgtool.backends.base import Engine
from cgtool.backends.kind import Kind
from cgtool.backends.spec import BuildOptions, Built, EngineSpec, Progress, Target
from cgtool.backends.tensorrt import bindings
from cgtool.backends.tensorrt.library import TENSORRT, Library
from cgtool.errors import EngineError
from cgtool.extras import installed
from cgtool.pictures import Image

_AGAIN = "run cgtool export again"


class TensorRT(Kind):
    """TensorRT 10.12 or newer and 11."""

    def problem(self, spec: EngineSpec, device: str) -> str | None:
        """A plan fits the GPU model and the TensorRT that it was built with, or what it was made compatible with."""
        gpus, ordinal = machine.cuda_devices(), int(device.removeprefix("cuda:"))
        if len(gpus) <= ordinal:
            return "no NVIDIA GPU is visible"
        if not installed("tensorrt"):
            return "tensorrt is not installed; run pip install 'cgtool[tensorrt]'"
        try:
            here = bindings.tensorrt_version()
        except EngineError as error:  # the package is there, but not its libraries
            return str(error)
        hardware, built = spec.target.hardware, str(spec.target.versions.get("tensorrt"))
        if built != here and not hardware.get("version_compatible"):
            return f"built with TensorRT {built}, here is {here}; {_AGAIN}"
        if gpus[ordinal] != hardware.get("gpu") and not hardware.get("hardware_compatible"):
            return f"built for {hardware.get('gpu')}, here is {gpus[ordinal]}; {_AGAIN}"
        return None

    def target(self, options: BuildOptions) -> Target:
        """The first GPU that is visible, and the TensorRT that is installed."""
        gpus = machine.cuda_devices()
        if not gpus:
            raise EngineError("tensorrt: no NVIDIA GPU is visible", hint="Use --format openvino or --format onnx")
        version, capability = bindings.tensorrt_version(), bindings.compute_capability(0)
        return Target(
            hardware={
                "gpu": gpus[0],
                "compute_capability": capability,
                "hardware_compatible": options.hardware_compatible,
                "version_compatible": options.version_compatible,
            },
            versions={"tensorrt": version},
            tags=(f"sm{capability.replace('.', '')}", f"trt{'.'.join(version.split('.')[:2])}"),
        )

    def build(self, spec: EngineSpec, calibration: Sequence[Image], progress: Progress | None) -> Built:
        """Build a plan from the ONNX graph (see `cgtool.backends.kind.Kind.build`)."""
        assert spec.folder is not None, "it is to be kept"
        cache = spec.options.timing_cache or spec.folder / "tensorrt.timing-cache"
        return built(TENSORRT, spec, replace(spec.options, timing_cache=cache), progress)

    def open(self, spec: EngineSpec, contents: Sequence[bytes], device: str, *, latency: bool) -> Engine:
        """Load a plan (see `cgtool.backends.kind.Kind.open`)."""
        return opened(TENSORRT, spec, contents, device)


def built(library: Library, spec: EngineSpec, options: BuildOptions, progress: Progress | None) -> Built:
    """Compile an engine's ONNX graph with one of the two packages.

    Args:
        library: The package.
        spec: The engine.
        options: How it is built.
        progress: Hears of every step, and may cancel.

    Raises:
        EngineError: See `cgtool.backends.kind.Kind.build`.
    """
    from cgtool.backends.onnx.export import exported
    from cgtool.backends.tensorrt.builder import build_engine

    assert spec.shapes is not None, "its row says that it is shaped"
    graph = exported(spec, half=spec.precision == "fp16")
    (onnx,) = graph.contents
    engine = build_engine(library, onnx, spec.shapes, options, progress=progress)
    return Built([engine], {**graph.versions, **spec.target.versions})


def opened(
    library: Library, spec: EngineSpec, contents: Sequence[bytes], device: str, cache: Path | None = None
) -> Engine:
    """Load an engine with one of the two packages.

    Args:
        library: The package.
        spec: The engine.
        contents: Its file.
        device: ``cuda:N``.
        cache: A file for what is compiled when it runs.

    Raises:
        EngineError: See `cgtool.backends.kind.Kind.open`.
    """
    from cgtool.backends.tensorrt.backend import TensorRTBackend

    assert spec.shapes is not None, "manifests without shapes are refused"
    return TensorRTBackend(
        contents[0],
        label=spec.source.label,
        device=device,
        precision=spec.precision,
        shapes=spec.shapes,
        maps=spec.source.maps,
        version_compatible=bool(spec.target.hardware.get("version_compatible")),
        library=library,
        cache=cache,
    )


KIND = TensorRT()
