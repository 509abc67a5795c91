"""Which engine runs a generator here. Imports a framework only to open it."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from cgtool.backends import machine, timings
from cgtool.backends.base import GeneratorSource
from cgtool.backends.engines import engines_of, milliseconds_here
from cgtool.backends.manifest import EngineFile
from cgtool.backends.opening import Candidate, Opened, WithinProfile, open_candidate
from cgtool.config import ENGINE_PRECISIONS, EnginePrecision
from cgtool.errors import EngineError, UsageError
from cgtool.extras import require

Engine = Literal["auto", "torch", "openvino", "onnx", "tensorrt", "identity"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
_ON_CUDA_ONLY = ("tensorrt",)
_ON_CPU_ONLY = ("openvino",)
# Engine -> the package that it needs besides the base install, and the extra that brings it.
_NEEDS = {"torch": ("torch", "train"), "onnx": ("onnxruntime", "onnxruntime")}
_PASSED_OVER = "passed over"
_FASTER = "pip install 'cgtool[tensorrt]' and cgtool export --fp16 would make this faster"


@dataclass(frozen=True)
class EngineRequest:
    """What the user asks for.

    Attributes:
        engine: ``auto`` takes the fastest usable. ``identity`` has no network and ignores device and precision.
        device: ``auto``, ``cpu``, ``cuda`` (which is ``cuda:0``) or ``cuda:N``.
        precision: ``auto`` is what a compiled engine has; else fp16 on CUDA, and on a CPU bf16 where it has it, else
            fp32. ``int8`` needs a compiled engine.
        latency: Frames come one at a time (photographs): all cores work on one frame, where the engine can choose.

    Raises:
        UsageError: An unknown value, or options that exclude each other.
    """

    engine: Engine = "auto"
    device: str = "auto"
    precision: EnginePrecision | Literal["auto"] = "auto"
    latency: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UsageError(f"unknown --engine {self.engine}", hint=f"Known are {', '.join(ENGINES)}")
        if re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device) is None:
            raise UsageError(f"unknown --device {self.device}", hint="Known are auto, cpu, cuda and cuda:N")
        if self.precision not in ("auto", *ENGINE_PRECISIONS):
            known = ", ".join(("auto", *ENGINE_PRECISIONS))
            raise UsageError(f"unknown --precision {self.precision}", hint=f"Known are {known}")
        if self.engine in _ON_CPU_ONLY and self.device.startswith("cuda"):
            raise UsageError(
                f"--engine {self.engine} can't run on --device {self.device}", hint="Use --engine torch for NVIDIA GPUs"
            )
        if self.engine in _ON_CUDA_ONLY and self.device == "cpu":
            raise UsageError(f"--engine {self.engine} can't run on --device cpu", hint="Use --engine openvino there")
        if self.precision == "fp16" and self.engine == "openvino":
            raise UsageError("--engine openvino can't do --precision fp16", hint="Use --precision bf16 or fp32")
        if self.precision == "fp16" and self.engine in ("auto", "torch") and self.device == "cpu":
            raise UsageError("--device cpu can't do --precision fp16", hint="Use --precision bf16 or fp32")
        if self.precision == "int8" and self.engine not in ("auto", "openvino"):
            raise UsageError(f"--engine {self.engine} can't do --precision int8", hint="Use --engine openvino")

    @property
    def cuda_device(self) -> str:
        """The GPU that it means, ``cuda:N``."""
        return "cuda:0" if self.device in ("auto", "cpu", "cuda") else self.device


def open_backend(source: GeneratorSource, request: EngineRequest) -> Opened:
    """Open the fastest engine that can be had.

    Fastest by milliseconds measured on this machine where they are known, from conversions (`cgtool.backends.timings`)
    or from the engine's manifest; what was never measured keeps its place in the order TensorRT, PyTorch on CUDA,
    OpenVINO (compiled engines first), PyTorch on the CPU, ONNX Runtime.

    Raises:
        UsageError: The engine asked for needs a package that is not installed.
        EngineError: None of those that were asked for can be had; the message says why of each.
        ModelError: The source can't be loaded.
    """
    if request.engine == "identity":
        from cgtool.backends.identity import IdentityBackend

        return Opened(IdentityBackend(), ["identity: frames are not translated"], [])

    if request.engine in _NEEDS:
        require(*_NEEDS[request.engine])
    refusals: list[str] = []
    candidates = []
    for candidate in _candidates(source, request, refusals):
        if request.precision in ("auto", candidate.precision):
            candidates.append(candidate)
        else:
            refusals.append(f"{candidate}: --precision {request.precision} is asked for")
    if request.precision == "int8" and not candidates:
        raise EngineError(
            f"there is no int8 engine of {source.label}", hint="Run cgtool export --int8 --calibration DIR"
        )
    milliseconds = {candidate: _measured(source, candidate) for candidate in candidates}
    opened = _open_first(source, _ranked(milliseconds), milliseconds, refusals, latency=request.latency)
    if request.engine == "auto":
        opened.notes[:0] = [line for line in refusals if line.startswith(_PASSED_OVER)]
        if opened.backend.info.engine == "torch" and opened.backend.info.device.startswith("cuda"):
            opened.notes.append(_FASTER)
    return opened


def _open_first(
    source: GeneratorSource,
    ranked: list[Candidate],
    milliseconds: dict[Candidate, float | None],
    reasons: list[str],
    *,
    latency: bool,
) -> Opened:
    failure: EngineError | None = None
    for place, candidate in enumerate(ranked):
        try:
            opened = open_candidate(source, candidate, latency=latency)
        except EngineError as error:
            failure = error
            reasons.append(f"{candidate}: {error}")
            continue
        reasons.append(f"{candidate}: chosen, {_speed(milliseconds[candidate])}")
        reasons += [f"{later}: comes later, {_speed(milliseconds[later])}" for later in ranked[place + 1 :]]
        backend = opened.backend
        if candidate.file is not None and candidate.file.manifest.shapes is not None:
            shapes = candidate.file.manifest.shapes
            others, why = ranked[place + 1 :], [f"{candidate}: takes frames of {shapes} only"]
            open_other = functools.partial(_open_first, source, others, milliseconds, why, latency=latency)
            backend = WithinProfile(backend, shapes, open_other)
        return Opened(backend, reasons, opened.warnings, opened.notes)
    if failure is not None and len(reasons) == 1:
        raise failure
    raise EngineError(
        f"no engine can run {source.label}: {'; '.join(reasons)}",
        hint="Try --engine auto --device auto --precision auto",
    ) from failure


def _candidates(source: GeneratorSource, request: EngineRequest, refusals: list[str]) -> Iterator[Candidate]:
    """The engines that the request allows and the machine may have, in order; why not the others goes to refusals."""
    compiled: dict[str, list[EngineFile]] = {"tensorrt": [], "openvino": [], "onnx": []}
    for engine in engines_of(source, int(request.cuda_device.removeprefix("cuda:"))):
        if engine.problem is not None:
            refusals.append(f"{_PASSED_OVER} {engine.name}: {engine.problem}")
        elif engine.file is not None:
            compiled[engine.file.manifest.format].append(engine.file)
    on_cpu, on_cuda = request.device in ("auto", "cpu"), request.device != "cpu"

    def wanted(engine: Engine) -> bool:
        return request.engine in ("auto", engine)

    if on_cuda and (wanted("tensorrt") or wanted("torch") or request.engine == "onnx"):
        yield from _on_cuda(request, compiled, refusals)
    if on_cpu and wanted("openvino"):
        yield from _in_openvino(request, compiled["openvino"], refusals)
    if on_cpu and wanted("torch"):
        best: EnginePrecision = "bf16" if machine.cpu_has_bf16() else "fp32"
        if request.precision == "fp16":
            refusals.append("torch cpu: CPUs have no fast fp16")
        else:
            yield Candidate("torch", "cpu", _or_best(request, best))
    if on_cpu and wanted("onnx"):
        yield from _in_onnx_runtime(request, compiled["onnx"], "cpu", refusals)


def _on_cuda(request: EngineRequest, compiled: dict[str, list[EngineFile]], refusals: list[str]) -> Iterator[Candidate]:
    device, gpus = request.cuda_device, len(machine.cuda_devices())
    if gpus <= int(device.removeprefix("cuda:")):
        missing = f"{device}: only {gpus} CUDA device(s) are visible" if gpus else "cuda: no CUDA device is visible"
        refusals.append(f"{'torch' if request.engine == 'auto' else request.engine} {missing}")
        return
    if request.engine == "tensorrt":
        require("tensorrt", "tensorrt")
    if request.engine in ("auto", "tensorrt"):
        for file in compiled["tensorrt"]:
            yield Candidate("tensorrt", device, file.manifest.precision, file)
        if not compiled["tensorrt"]:
            refusals.append(f"tensorrt {device}: no engine is compiled; run cgtool export --fp16")
    if request.engine in ("auto", "torch"):
        yield Candidate("torch", device, _or_best(request, "fp16"))
    if request.engine == "onnx":
        yield from _in_onnx_runtime(request, compiled["onnx"], device, refusals)


def _in_openvino(request: EngineRequest, compiled: list[EngineFile], refusals: list[str]) -> Iterator[Candidate]:
    for file in compiled:
        yield Candidate("openvino", "cpu", file.manifest.precision, file)
    try:
        from cgtool.backends.openvino_backend import default_precision

        best = default_precision()
    except EngineError as error:
        refusals.append(f"openvino cpu: {error}")
    else:
        yield Candidate("openvino", "cpu", _or_best(request, best))


def _or_best(request: EngineRequest, best: EnginePrecision) -> EnginePrecision:
    """What an engine that is not compiled runs in."""
    return best if request.precision == "auto" or request.precision == "int8" else request.precision


def _in_onnx_runtime(
    request: EngineRequest, files: list[EngineFile], device: str, refusals: list[str]
) -> Iterator[Candidate]:
    """ONNX Runtime: with compiled engines, and if it is asked for also with a graph exported for the purpose."""
    if importlib.util.find_spec("onnxruntime") is None:
        if files or request.engine == "onnx":
            refusals.append(f"onnx {device}: onnxruntime is not installed; run pip install 'cgtool[onnxruntime]'")
        return
    for file in files:
        yield Candidate("onnx", device, file.manifest.precision, file)
    if request.engine == "onnx":
        yield Candidate("onnx", device, "fp32")


def _measured(source: GeneratorSource, candidate: Candidate) -> float | None:
    if candidate.file is not None:
        return milliseconds_here(candidate.file, candidate.device)
    return timings.lookup(source.key, candidate.engine, candidate.device, candidate.precision)


def _ranked(milliseconds: dict[Candidate, float | None]) -> list[Candidate]:
    """Sort those that were measured among the places they have; the others keep theirs."""
    by_speed = sorted((speed, place) for place, speed in enumerate(milliseconds.values()) if speed is not None)
    candidates = list(milliseconds)
    fastest_first = iter([candidates[place] for _, place in by_speed])
    return [candidate if speed is None else next(fastest_first) for candidate, speed in milliseconds.items()]


def _speed(milliseconds: float | None) -> str:
    return "never measured here" if milliseconds is None else f"{milliseconds:.0f} ms per megapixel measured here"
