"""Which engine runs a generator here. Imports a framework only to open it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from cgtool.backends import machine, timings
from cgtool.backends.base import Backend, GeneratorSource
from cgtool.config import PRECISIONS, Precision
from cgtool.errors import EngineError, UsageError

Engine = Literal["auto", "torch", "openvino", "identity"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


@dataclass(frozen=True)
class EngineRequest:
    """What the user asks for.

    Attributes:
        engine: ``auto`` takes the fastest usable. ``identity`` has no network and ignores device and precision.
        device: ``auto``, ``cpu``, ``cuda`` (which is ``cuda:0``) or ``cuda:N``.
        precision: ``auto`` is fp16 on CUDA, and on a CPU bf16 where it has it, else fp32.
        latency: Frames come one at a time (photographs): all cores work on one frame, where the engine can choose.

    Raises:
        UsageError: An unknown value, or options that exclude each other.
    """

    engine: Engine = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    latency: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UsageError(f"unknown --engine {self.engine}", hint=f"Known are {', '.join(ENGINES)}")
        if re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device) is None:
            raise UsageError(f"unknown --device {self.device}", hint="Known are auto, cpu, cuda and cuda:N")
        if self.precision not in PRECISIONS:
            raise UsageError(f"unknown --precision {self.precision}", hint=f"Known are {', '.join(PRECISIONS)}")
        if self.engine == "openvino" and self.device.startswith("cuda"):
            raise UsageError(
                f"--engine openvino can't run on --device {self.device}", hint="Use --engine torch for NVIDIA GPUs"
            )
        if self.precision == "fp16" and self.engine == "openvino":
            raise UsageError("--engine openvino can't do --precision fp16", hint="Use --precision bf16 or fp32")
        if self.precision == "fp16" and self.engine in ("auto", "torch") and self.device == "cpu":
            raise UsageError("--device cpu can't do --precision fp16", hint="Use --precision bf16 or fp32")


@dataclass(frozen=True)
class Opened:
    """A backend that is ready, and how it came to be chosen.

    Attributes:
        backend: To be closed by the caller.
        reasons: One line for each engine that was considered: why it was refused, came later, or was chosen.
        warnings: What the user should know although it works.
    """

    backend: Backend
    reasons: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class _Candidate:
    engine: Literal["torch", "openvino"]
    device: str  # cpu or cuda:N
    precision: Precision  # never auto

    def __str__(self) -> str:
        return f"{self.engine} {self.device} {self.precision}"


def open_backend(source: GeneratorSource, request: EngineRequest) -> Opened:
    """Open the fastest engine that can be had.

    Fastest by milliseconds measured on this machine where they are known (see `cgtool.backends.timings`); an engine
    that was never measured keeps its place in the order CUDA, OpenVINO, PyTorch on the CPU.

    Raises:
        EngineError: None of those that were asked for can be had; the message says why of each.
        ModelError: The source can't be loaded.
    """
    if request.engine == "identity":
        from cgtool.backends.identity import IdentityBackend

        return Opened(IdentityBackend(), ["identity: frames are not translated"], [])

    candidates, reasons = _candidates(request)
    milliseconds = {candidate: _measured(source, candidate) for candidate in candidates}
    failure: EngineError | None = None
    ranked = _ranked(milliseconds)
    for place, candidate in enumerate(ranked):
        try:
            backend, warnings = _open(source, candidate, latency=request.latency)
        except EngineError as error:
            failure = error
            reasons.append(f"{candidate}: {error}")
            continue
        reasons.append(f"{candidate}: chosen, {_speed(milliseconds[candidate])}")
        reasons += [f"{later}: comes later, {_speed(milliseconds[later])}" for later in ranked[place + 1 :]]
        return Opened(backend, reasons, warnings)
    if failure is not None and len(reasons) == 1:
        raise failure
    raise EngineError(
        f"no engine can run {source.label}: {'; '.join(reasons)}",
        hint="Try --engine auto --device auto --precision auto",
    ) from failure


def _candidates(request: EngineRequest) -> tuple[list[_Candidate], list[str]]:
    """The engines that the request allows and the machine may have, in order; and why not the others."""
    candidates: list[_Candidate] = []
    refusals: list[str] = []
    wanted = request.precision
    on_cpu, on_cuda = request.device in ("auto", "cpu"), request.device != "cpu"

    if request.engine in ("auto", "torch") and on_cuda:
        device = "cuda:0" if request.device in ("auto", "cuda") else request.device
        gpus = len(machine.cuda_devices())
        if gpus > int(device.removeprefix("cuda:")):
            candidates.append(_Candidate("torch", device, "fp16" if wanted == "auto" else wanted))
        elif gpus:
            refusals.append(f"torch {device}: only {gpus} CUDA device(s) are visible")
        else:
            refusals.append("torch cuda: no CUDA device is visible")
    if request.engine in ("auto", "openvino") and on_cpu:
        try:
            from cgtool.backends.openvino_backend import default_precision

            best = default_precision()
        except EngineError as error:
            refusals.append(f"openvino cpu: {error}")
        else:
            candidates.append(_Candidate("openvino", "cpu", best if wanted == "auto" else wanted))
    if request.engine in ("auto", "torch") and on_cpu:
        if wanted == "fp16":
            refusals.append("torch cpu: CPUs have no fast fp16")
        else:
            best = "bf16" if machine.cpu_has_bf16() else "fp32"
            candidates.append(_Candidate("torch", "cpu", best if wanted == "auto" else wanted))
    return candidates, refusals


def _measured(source: GeneratorSource, candidate: _Candidate) -> float | None:
    return timings.lookup(source.key, candidate.engine, candidate.device, candidate.precision)


def _ranked(milliseconds: dict[_Candidate, float | None]) -> list[_Candidate]:
    """Sort those that were measured among the places they have; the others keep theirs."""
    by_speed = sorted((speed, place) for place, speed in enumerate(milliseconds.values()) if speed is not None)
    candidates = list(milliseconds)
    fastest_first = iter([candidates[place] for _, place in by_speed])
    return [candidate if speed is None else next(fastest_first) for candidate, speed in milliseconds.items()]


def _speed(milliseconds: float | None) -> str:
    return "never measured here" if milliseconds is None else f"{milliseconds:.0f} ms per megapixel measured here"


def _open(source: GeneratorSource, candidate: _Candidate, *, latency: bool) -> tuple[Backend, list[str]]:
    if candidate.engine == "openvino":
        from cgtool.backends.openvino_backend import OpenVINOBackend

        backend = OpenVINOBackend(source, candidate.precision, latency=latency)
        return backend, backend.warnings
    try:
        from cgtool.backends.torch_backend import TorchBackend
    except ImportError as error:
        raise EngineError(f"torch can't be imported: {error}", hint="Run: pip install torch") from error
    return TorchBackend(source, candidate.device, candidate.precision), []
