"""One engine: what is asked for, how it is built, opened, kept and found again."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cgtool
from cgtool.backends import machine
from cgtool.backends.base import Backend, GeneratorSource
from cgtool.backends.cache import write_atomically
from cgtool.backends.engines import problem_here
from cgtool.backends.manifest import SUFFIX, SUFFIXES, EngineFile, Format, Manifest, Shapes, read_manifest
from cgtool.config import Direction, EnginePrecision
from cgtool.conversion.network import network_size
from cgtool.errors import EngineError, UsageError
from cgtool.models.folder import ModelFolder, engine_key
from cgtool.tasks.parity import photographs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]
"""Height and width in pixels."""

_BATCH = 4
_USUAL_ASPECT = 16 / 9
_CALIBRATION_PICTURES = 64


@dataclass(frozen=True)
class ExportRequest:
    """What is to be compiled.

    Attributes:
        models: Names or folders of models; none for all that there are.
        to: The target domain; None for both directions.
        format: ``auto`` is TensorRT where an NVIDIA GPU and the package are there, else OpenVINO.
        precision: None for the format's own: FP16, and in OpenVINO BF16 where the CPU has it. In OpenVINO, ``fp16``
            means the weights, and BF16 arithmetic where the CPU has it.
        smallest, best, largest: TensorRT's sizes; None for around the scale that the model was trained at.
        batch: TensorRT's largest batch.
        verify: Compare with PyTorch, and keep only what holds.
        workspace_mb: TensorRT's limit of working memory.
        timing_cache: TensorRT's cache of measurements; None for one beside the engines.
        hardware_compatible, version_compatible: Let TensorRT's engine run on other GPUs, by other versions.
        output: Where engines go instead of the models' own folders, one folder a model.
        calibration: Photographs to quantise with, and to compare on.
        force: Compile anew what is there already.
    """

    models: tuple[str, ...] = ()
    to: str | None = None
    format: Literal["auto"] | Format = "auto"
    precision: EnginePrecision | None = None
    smallest: Size | None = None
    best: Size | None = None
    largest: Size | None = None
    batch: int = _BATCH
    verify: bool = True
    workspace_mb: int | None = None
    timing_cache: Path | None = None
    hardware_compatible: bool = False
    version_compatible: bool = False
    output: Path | None = None
    calibration: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if self.precision == "int8" and self.format not in ("auto", "openvino"):
            raise UsageError(f"--format {self.format} can't do --int8", hint="Use --format openvino")
        if self.precision == "int8" and self.calibration is None:
            raise UsageError("--int8 needs photographs to measure ranges on", hint="Give a folder with --calibration")
        if self.calibration is not None and not self.calibration.is_dir():
            raise UsageError("no such folder", path=self.calibration, hint="--calibration takes a folder of pictures")
        if self.precision == "bf16" and self.format not in ("auto", "openvino"):
            raise UsageError(f"--format {self.format} can't do --bf16", hint="Use --fp16 or --fp32")
        if self.format in ("onnx", "openvino") and self._tensorrts_own():
            raise UsageError(
                f"{', '.join(self._tensorrts_own())} is for TensorRT alone",
                hint=f"{self.format} engines take frames of any size; leave it out",
            )

    def _tensorrts_own(self) -> list[str]:
        """Options given that only TensorRT's builder knows."""
        given = {
            "--min": self.smallest,
            "--opt": self.best,
            "--max": self.largest,
            "--workspace": self.workspace_mb,
            "--timing-cache": self.timing_cache,
            "--hardware-compatible": self.hardware_compatible,
            "--version-compatible": self.version_compatible,
        }
        return [option for option, value in given.items() if value]


@dataclass(frozen=True)
class Job:
    """One engine to make.

    Attributes:
        model: Of which model.
        direction: Which of its generators.
        format: What kind of engine.
        precision: Its arithmetic.
        folder: Where it goes.
    """

    model: ModelFolder
    direction: Direction
    format: Format
    precision: EnginePrecision
    folder: Path

    @property
    def label(self) -> str:
        """What people call it."""
        source, target = self.domains
        return f"{self.model.name} {source} to {target}: {self.format} {self.precision}"

    @property
    def domains(self) -> tuple[str, str]:
        """(source, target)."""
        a, b = self.model.domains
        return (a, b) if self.direction == "A_to_B" else (b, a)


Progress = Callable[[str, int, int], bool]
"""Told phase, step and steps of a build that takes long; False stops it."""


def open_contents(manifest: Manifest, contents: Sequence[bytes], source: GeneratorSource) -> Backend:
    """A backend of an engine that is not on the disk yet.

    Args:
        manifest: What it is.
        contents: Its files' bytes.
        source: What it was made from.

    Raises:
        EngineError: It can't be opened here.
    """
    match manifest.format:
        case "onnx":
            from cgtool.backends.onnx_backend import ONNXBackend

            if importlib.util.find_spec("onnxruntime") is None:
                from cgtool.backends.openvino_backend import OpenVINOBackend

                return OpenVINOBackend(source, "fp32", latency=True, engine=contents)  # it reads ONNX as well
            return ONNXBackend(contents[0], label=source.label, precision=manifest.precision)
        case "openvino":
            from cgtool.backends.openvino_backend import OpenVINOBackend

            return OpenVINOBackend(source, manifest.precision, latency=True, engine=contents)
        case "tensorrt":
            from cgtool.backends.tensorrt_backend import TensorRTBackend

            assert manifest.shapes is not None
            return TensorRTBackend(
                contents[0],
                label=source.label,
                precision=manifest.precision,
                shapes=manifest.shapes,
                version_compatible=bool(manifest.hardware.get("version_compatible")),
            )


def build(
    job: Job, request: ExportRequest, draft: Manifest, source: GeneratorSource, progress: Progress | None
) -> tuple[list[bytes], dict[str, str]]:
    """The engine's files and the versions of what made them."""
    import onnx
    import torch

    from cgtool.backends.graph import frame_graph, to_onnx

    half = job.format != "openvino" and job.precision == "fp16"
    graph = to_onnx(frame_graph(source.load(), source.stride, "fp16" if half else "fp32"), _metadata(draft))
    versions = {"torch": torch.__version__, "onnx": onnx.__version__}
    match job.format:
        case "onnx":
            return [graph], versions
        case "openvino":
            from cgtool.backends.openvino_export import openvino_version, quantized, to_ir

            calibration = _calibration(job, request) if job.precision == "int8" else None
            model = graph if calibration is None else quantized(graph, calibration)
            return to_ir(model, half=job.precision != "fp32"), {**versions, "openvino": openvino_version()}
        case "tensorrt":
            from cgtool.backends.tensorrt_builder import BuildOptions, build_engine, tensorrt_version

            assert draft.shapes is not None
            options = BuildOptions(
                shapes=draft.shapes,
                workspace_mb=request.workspace_mb,
                timing_cache=request.timing_cache or job.folder / "tensorrt.timing-cache",
                hardware_compatible=request.hardware_compatible,
                version_compatible=request.version_compatible,
            )
            return [build_engine(graph, options, progress=progress)], {**versions, "tensorrt": tensorrt_version()}


def _calibration(job: Job, request: ExportRequest) -> list[NDArray[np.uint8]]:
    width, height = usual_size(job.model)
    pictures = photographs(request.calibration, job.model.path, min(width, height), _CALIBRATION_PICTURES)
    return [picture[None] for picture in pictures]


def keep(job: Job, manifest: Manifest, contents: Sequence[bytes]) -> EngineFile:
    """Write an engine; the manifest comes last, so that an engine without one is none."""
    path = job.folder / f"{manifest.stem}{SUFFIX}"
    try:
        path.unlink(missing_ok=True)
        worst_picture(job, manifest).unlink(missing_ok=True)
        for name, data in named_contents(manifest, contents):
            write_atomically(job.folder / name, data)
        write_atomically(path, manifest.to_json().encode())
    except OSError as error:
        raise EngineError(f"can't be written: {error.strerror}", path=path, hint="Choose another --output") from error
    return EngineFile(path, manifest)


def worst_picture(job: Job, manifest: Manifest) -> Path:
    """Where the picture goes that an engine which is not kept got most wrong."""
    return job.folder / f"{manifest.stem}.worst.png"


def named_contents(manifest: Manifest, contents: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """An engine's files by name, in the order in which backends take them."""
    suffixes = SUFFIXES[manifest.format]
    return [(f"{manifest.stem}{suffix}", data) for suffix, data in zip(suffixes, contents, strict=True)]


def existing_engine(job: Job, draft: Manifest, *, verify: bool) -> EngineFile | None:
    """The engine, if it is there, whole, of these weights and options, and proven if it is to be."""
    path = job.folder / f"{draft.stem}{SUFFIX}"
    try:
        engine = EngineFile(path, read_manifest(path))
        engine.read()
    except EngineError:
        return None
    chosen = ("hardware_compatible", "version_compatible")  # which the file's name does not tell
    same = (
        engine.manifest.shapes == draft.shapes
        and all(engine.manifest.hardware.get(flag) == draft.hardware.get(flag) for flag in chosen)
        and problem_here(engine, draft.key) is None
    )
    return engine if same and (engine.manifest.parity or not verify) else None


def draft_manifest(job: Job, request: ExportRequest) -> Manifest:
    """The manifest as far as it is known before anything is built."""
    versions, hardware, shapes = {"cgtool": cgtool.__version__}, _cpu(), None
    if job.format == "tensorrt":
        from cgtool.backends.tensorrt_builder import compute_capability, tensorrt_version

        versions["tensorrt"] = tensorrt_version()
        hardware = {
            "gpu": machine.cuda_devices()[0],
            "compute_capability": compute_capability(0),
            "hardware_compatible": request.hardware_compatible,
            "version_compatible": request.version_compatible,
        }
        shapes = profile(job.model, request)
    return Manifest(
        model=job.model.name,
        direction=job.direction,
        domains=job.domains,
        key=engine_key(job.model, job.direction),
        weights_sha256=job.model.weights[job.direction].sha256,
        training_scale=job.model.training_scale,
        format=job.format,
        precision=job.precision,
        shapes=shapes,
        files={},
        versions=versions,
        hardware=hardware,
    )


def _cpu() -> dict[str, Any]:
    return {"cpu": machine.cpu_name(), "bf16": machine.cpu_has_bf16()}


def _metadata(draft: Manifest) -> dict[str, str]:
    source, target = draft.domains
    return {
        "model": draft.model,
        "direction": draft.direction,
        "source_domain": source,
        "target_domain": target,
        "training_scale": str(draft.training_scale),
        "precision": "fp16" if draft.precision == "fp16" and draft.format != "openvino" else "fp32",
        "cgtool_version": cgtool.__version__,
        "weights_sha256": draft.weights_sha256,
    }


def profile(model: ModelFolder, request: ExportRequest) -> Shapes:
    """TensorRT's optimisation profile: around the size that the network works at, unless told otherwise.

    Raises:
        UsageError: The sizes asked for are not in order.
    """
    width, height = usual_size(model)
    best = request.best or (height, width)
    smallest = request.smallest or (min(best) // 2, min(best) // 2)
    largest = request.largest or (2 * max(best), 2 * max(best))
    try:
        return Shapes((1, *smallest), (request.batch, *best), (request.batch, *largest))
    except EngineError as error:
        raise UsageError(error.message, hint="Give --min, --opt and --max as HxW, none larger than the next") from error


def usual_size(model: ModelFolder) -> tuple[int, int]:
    """Width and height at which the network sees a 16:9 frame by default."""
    return network_size(round(1080 * _USUAL_ASPECT), 1080, model.defaults.size, model.training_scale)
