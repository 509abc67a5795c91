"""Which compiled engines there are for a generator, and whether they run here. Never imports PyTorch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from cgtool.backends import machine, timings
from cgtool.backends.base import GeneratorSource
from cgtool.backends.manifest import EngineFile, find_engines
from cgtool.config import EnginePrecision, cache_dir
from cgtool.errors import EngineError


@dataclass(frozen=True)
class FoundEngine:
    """An engine file, or what is left of one.

    Attributes:
        name: As people call it.
        file: The engine; None if its manifest can't be read.
        problem: Why it can't be used here, in one line; None if it can, as far as can be told without opening it.
    """

    name: str
    file: EngineFile | None
    problem: str | None


def cached_engines_dir(key: str) -> Path:
    """Where engines of the generator with this key go if its own folder can't be written."""
    return cache_dir() / "engines" / key[:16]


def engines_of(source: GeneratorSource, device: int = 0) -> list[FoundEngine]:
    """All engines in the source's places, with what speaks against those that can't be used.

    Engines of the model's other direction are left out.

    Args:
        source: The generator.
        device: The GPU that TensorRT would use.
    """
    found = []
    for place in source.places:
        for engine in find_engines(place):
            if isinstance(engine, EngineError):
                found.append(FoundEngine(Path(engine.path or "").name, None, str(engine)))
            elif engine.manifest.direction == source.direction:
                found.append(FoundEngine(engine.name, engine, problem_here(engine, source.key, device)))
    return found


def milliseconds_here(engine: EngineFile, device: str) -> float | None:
    """Milliseconds a megapixel on this machine, as conversions measured them or else its export; None if neither did.

    Args:
        engine: The engine.
        device: ``cpu`` or ``cuda:N``.
    """
    manifest = engine.manifest
    measured = timings.lookup(manifest.key, manifest.format, device, manifest.precision)
    return manifest.measured.get(timings.hardware(device)) if measured is None else measured


def problem_here(engine: EngineFile, key: str, device: int = 0) -> str | None:
    """Why an engine can't be used on this machine, None if it can.

    Args:
        engine: The engine; its files are not read.
        key: `GeneratorSource.key` of the weights as they are now.
        device: The GPU that TensorRT would use.
    """
    manifest = engine.manifest
    if manifest.key != key:
        return "made from other weights or by another cgtool; run cgtool export again"
    missing = [path.name for path in engine.paths if not path.is_file()]
    if missing:
        return f"{missing[0]} is missing; run cgtool export again"
    match manifest.format:
        case "openvino":
            return _openvino_problem(manifest.precision)
        case "tensorrt":
            return _tensorrt_problem(engine, device)
        case "onnx":
            return None


def _openvino_problem(precision: EnginePrecision) -> str | None:
    from cgtool.backends.openvino_backend import default_precision

    try:
        best = default_precision()
    except EngineError as error:
        return str(error)
    return "this CPU has no bf16" if precision == "bf16" and best != "bf16" else None


def _tensorrt_problem(engine: EngineFile, device: int) -> str | None:
    gpus = machine.cuda_devices()
    if len(gpus) <= device:
        return "no NVIDIA GPU is visible"
    if importlib.util.find_spec("tensorrt") is None:
        return "tensorrt is not installed; run pip install 'cgtool[tensorrt]'"
    from cgtool.backends.tensorrt_builder import tensorrt_version

    try:
        here = tensorrt_version()
    except EngineError as error:  # the package is there, but not its libraries
        return str(error)
    manifest = engine.manifest
    built = str(manifest.versions.get("tensorrt"))
    if built != here and not manifest.hardware.get("version_compatible"):
        return f"built with TensorRT {built}, here is {here}; run cgtool export again"
    if gpus[device] != manifest.hardware.get("gpu") and not manifest.hardware.get("hardware_compatible"):
        return f"built for {manifest.hardware.get('gpu')}, here is {gpus[device]}; run cgtool export again"
    return None
