"""Compile generators to engines, prove each against PyTorch, and keep those that hold."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cgtool.backends import machine, timings
from cgtool.backends.base import Backend, GeneratorSource
from cgtool.backends.engines import cached_engines_dir
from cgtool.backends.manifest import EngineFile, Format, Manifest
from cgtool.config import Direction, EnginePrecision
from cgtool.conversion.model import source_of
from cgtool.errors import CgtoolError, EngineError, UsageError
from cgtool.extras import require, require_training
from cgtool.models.folder import ModelFolder, engine_key
from cgtool.models.lookup import find_models, named
from cgtool.tasks.engines import (
    ExportRequest,
    Job,
    Progress,
    build,
    draft_manifest,
    existing_engine,
    keep,
    named_contents,
    open_contents,
    profile,
    usual_size,
    worst_picture,
)
from cgtool.tasks.parity import LEAST_PSNR, Parity, check_photographs, compare, milliseconds_a_frame, photographs


@dataclass(frozen=True)
class Started:
    """An engine is begun. ``number`` counts from 0."""

    job: Job
    number: int
    total: int


@dataclass(frozen=True)
class Exported:
    """What became of one engine.

    Attributes:
        job: What it was.
        status: ``compiled``, ``up to date`` or ``failed``.
        engine: The engine; None if it failed.
        parity: Its figures, as far as it was compared.
        milliseconds: A frame at the model's size, here: ``engine``, ``torch fp32`` and ``torch bf16`` or ``fp16``.
        error: Why it failed.
    """

    job: Job
    status: Literal["compiled", "up to date", "failed"]
    engine: EngineFile | None = None
    parity: Parity | None = None
    milliseconds: dict[str, float] | None = None
    error: str | None = None


Event = Started | Exported

__all__ = ["Event", "ExportRequest", "Exported", "Job", "Progress", "Started", "export", "plan"]


def plan(request: ExportRequest, engines_dir: Path | None) -> list[Job]:
    """Which engines are to be made.

    Args:
        request: What is asked for.
        engines_dir: Where to look for models first.

    Raises:
        UsageError: A package is not installed, no such model or domain, sizes out of order, or no photographs.
        ModelError: A model named is damaged.
    """
    require_training()
    if request.precision == "int8":
        require("nncf", "int8")
    if request.calibration is not None:
        check_photographs(request.calibration)
    if request.models:
        models = [named(name, engines_dir) for name in request.models]
    else:
        models, _ = find_models(engines_dir)
    kind = _format(request)
    precision = _precision(request, kind)
    jobs = [
        Job(model, direction, kind, precision, _folder(request, model, direction))
        for model in models
        for direction in model.directions
        if request.to is None or model.target(direction).casefold() == request.to.casefold()
    ]
    for job in jobs if kind == "tensorrt" else ():
        profile(job.model, request)  # before anything is built
    if not jobs:
        known = ", ".join(dict.fromkeys(domain for model in models for domain in model.domains)) or "none"
        raise UsageError(
            f"no model leads to {request.to!r}" if request.to else "there are no models", hint=f"Known domains: {known}"
        )
    return jobs


def export(jobs: Sequence[Job], request: ExportRequest, progress: Progress | None = None) -> Iterator[Event]:
    """Compile engines, one after the other, telling what happens. One's failure does not stop the others.

    Args:
        jobs: What `plan` laid out.
        request: What they were laid out from.
        progress: Told of what TensorRT is doing.
    """
    for number, job in enumerate(jobs):
        yield Started(job, number, len(jobs))
        try:
            yield _export_one(job, request, progress)
        except CgtoolError as error:
            yield Exported(job, "failed", error=str(error))


def _export_one(job: Job, request: ExportRequest, progress: Progress | None) -> Exported:
    draft = draft_manifest(job, request)
    existing = existing_engine(job, draft, verify=request.verify)
    if existing is not None and not request.force:
        return Exported(job, "up to date", existing)
    source = source_of(job.model, job.direction)
    begin = time.perf_counter()
    contents, versions = build(job, request, draft, source, progress)
    draft = replace(
        draft,
        versions={**draft.versions, **versions},
        build_seconds=round(time.perf_counter() - begin, 2),
        files={name: hashlib.sha256(data).hexdigest() for name, data in named_contents(draft, contents)},
    )
    if not request.verify:
        return Exported(job, "compiled", keep(job, draft, contents))
    return _prove(job, request, draft, contents, source)


def _prove(
    job: Job, request: ExportRequest, draft: Manifest, contents: list[bytes], source: GeneratorSource
) -> Exported:
    from cgtool.backends.torch_backend import TorchBackend

    width, height = usual_size(job.model)
    with ExitStack() as stack:
        engine: Backend = stack.enter_context(open_contents(draft, contents, source))
        device = engine.info.device.split(" ", 1)[0]
        reference = stack.enter_context(TorchBackend(source, device, "fp32"))
        pictures = photographs(request.calibration, job.model.path, min(height, width))
        parity, worst = compare(engine, reference, pictures, draft.shapes)
        if not parity.passes(job.precision):
            path = worst_picture(job, draft)
            worst.save(path)
            raise EngineError(
                f"{job.label}: not kept: {parity.psnr_db:.1f} dB against PyTorch, where {LEAST_PSNR[job.precision]:.0f}"
                f" is asked for; largest difference {parity.max_levels} levels, mean {parity.mean_levels:.2f},"
                f" {100 * parity.constant_share:.0f}% of pictures flat, banding {parity.banding:.1f}",
                hint=f"See {path}: photograph, PyTorch, engine, 8 times the difference. Try a higher precision",
            )
        if draft.shapes is not None:
            _, height, width = draft.shapes.opt
        half: EnginePrecision = "fp16" if device != "cpu" else "bf16"
        rivals = {"engine": engine, "torch fp32": reference}
        if device != "cpu" or machine.cpu_has_bf16():
            rivals[f"torch {half}"] = stack.enter_context(TorchBackend(source, device, half))
        milliseconds = dict(zip(rivals, milliseconds_a_frame(list(rivals.values()), height, width), strict=True))
    measured = {timings.hardware(device): round(milliseconds["engine"] * 1e6 / (height * width), 2)}
    final = replace(draft, parity=parity.to_json(), measured=measured)
    return Exported(job, "compiled", keep(job, final, contents), parity, milliseconds)


def _format(request: ExportRequest) -> Format:
    if request.format != "auto":
        if request.format == "tensorrt":
            _check_tensorrt()
        return request.format
    if request.precision in ("int8", "bf16"):
        return "openvino"
    try:
        _check_tensorrt()
    except EngineError:
        return "openvino"
    return "tensorrt"


def _check_tensorrt() -> None:
    from cgtool.backends.tensorrt_builder import tensorrt_version

    if not machine.cuda_devices():
        raise EngineError("tensorrt: no NVIDIA GPU is visible", hint="Use --format openvino or --format onnx")
    tensorrt_version()


def _precision(request: ExportRequest, kind: Format) -> EnginePrecision:
    if kind != "openvino":
        return request.precision or "fp16"
    from cgtool.backends.openvino_backend import default_precision

    best = default_precision()
    if request.precision == "bf16" and best != "bf16":
        raise UsageError("this CPU has no bf16", hint="Use --fp32")
    return best if request.precision in (None, "fp16") else request.precision


def _folder(request: ExportRequest, model: ModelFolder, direction: Direction) -> Path:
    if request.output is not None:
        return request.output / model.name
    if os.access(model.path, os.W_OK):
        return model.path
    return cached_engines_dir(engine_key(model, direction))
