"""Compiled engines on the disk: found, judged, and kept. Never imports PyTorch."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cgtool
from cgtool.backends import timings
from cgtool.backends.base import GeneratorSource
from cgtool.backends.manifest import EngineFile, Manifest, find_engines, read_manifest
from cgtool.backends.sample import Sample
from cgtool.backends.spec import SUFFIX, Built, EngineSpec, Target
from cgtool.backends.table import KINDS
from cgtool.config import cache_dir
from cgtool.errors import EngineError
from cgtool.files import write_whole

logger = logging.getLogger(__name__)

WORST = ".worst.png"
"""Suffix of the picture that an engine which is not kept got most wrong."""

_CHOICES = ("hardware_compatible", "version_compatible", "gpus")
"""Choices at the building that a file's name does not tell."""


@dataclass(frozen=True)
class FoundEngine:
    """An engine file, or the remains of one.

    Attributes:
        name: Its name in messages.
        file: The engine; None if its manifest can't be read.
        problem: Why it can't be used here, in one line; None if it can, as far as can be told without opening it.
    """

    name: str
    file: EngineFile | None
    problem: str | None


@dataclass(frozen=True)
class Facts:
    """The figures of a new engine, for its manifest.

    Attributes:
        build_seconds: How long it took to build.
        sample: A small frame and what PyTorch makes of it.
        parity: Figures of the comparison with PyTorch; empty if there was none.
        measured: Milliseconds per megapixel, by machine.
    """

    build_seconds: float
    sample: Sample | None = None
    parity: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)


def cached_engines_dir(key: str) -> Path:
    """The folder for engines of the generator with this key, if the model's own can't be written."""
    return cache_dir() / "engines" / key[:16]


def engines_of(source: GeneratorSource, cuda_device: str = "cuda:0") -> list[FoundEngine]:
    """All engines in the source's places, with what speaks against those that can't be used.

    Engines of the model's other direction are left out.

    Args:
        source: The generator.
        cuda_device: The GPU that engines for GPUs would use.
    """
    found = []
    for place in source.places:
        for engine in find_engines(place):
            if isinstance(engine, EngineError):
                found.append(FoundEngine(Path(engine.path or "").name, None, str(engine)))
            elif engine.manifest.direction == source.direction:
                problem = problem_here(engine, source, cuda_device)
                found.append(FoundEngine(engine.name, engine, problem))
                logger.debug("%s: %s", engine.manifest_path, problem or "usable")
    return found


def problem_here(engine: EngineFile, source: GeneratorSource, cuda_device: str = "cuda:0") -> str | None:
    """Why an engine can't be used on this machine, None if it can.

    Args:
        engine: The engine; its files are not read.
        source: The generator as it is now.
        cuda_device: The GPU that it would use, if it is for GPUs.
    """
    row = KINDS[engine.manifest.format]
    return _stale(engine, source) or row.kind().problem(engine.spec(source), row.home(cuda_device))


def _stale(engine: EngineFile, source: GeneratorSource) -> str | None:
    """Why no machine can use an engine, None if one can."""
    if engine.manifest.key != source.key:
        return "made from other weights or by another cgtool; run cgtool export again"
    missing = [path.name for path in engine.paths if not path.is_file()]
    return f"{missing[0]} is missing; run cgtool export again" if missing else None


def milliseconds_here(engine: EngineFile, device: str) -> float | None:
    """Milliseconds per megapixel on this machine, as conversions measured them or else its export; None if neither did.

    Args:
        engine: The engine.
        device: ``cpu`` or ``cuda:N``.
    """
    manifest = engine.manifest
    measured = timings.lookup(manifest.key, manifest.format, device, manifest.precision)
    return manifest.measured.get(timings.hardware(device)) if measured is None else measured


def existing(spec: EngineSpec, *, proven: bool) -> EngineFile | None:
    """The engine, if it is there, whole, of these weights and options, and proven if it is to be."""
    path = spec.path(SUFFIX)
    try:
        engine = EngineFile(path, read_manifest(path))
        engine.read()
    except EngineError as error:
        logger.debug("%s: to be compiled: %s", spec.label, error)
        return None
    manifest, row = engine.manifest, KINDS[spec.format]
    same = (
        manifest.shapes == spec.shapes
        and all(manifest.hardware.get(choice) == spec.target.hardware.get(choice) for choice in _CHOICES)
        and (manifest.parity or not proven)
        and _stale(engine, spec.source) is None
    )
    there = replace(spec, target=Target(manifest.hardware, manifest.versions))
    problem = row.kind().outdated(there, spec) if same else "made of other weights or wishes, or not proven"
    logger.debug("%s: %s: %s", spec.label, path, problem or "up to date")
    return engine if problem is None else None


def keep(spec: EngineSpec, built: Built, facts: Facts) -> EngineFile:
    """Write an engine; the manifest comes last, so that an engine without one is none.

    Raises:
        EngineError: It can't be written.
    """
    suffixes = KINDS[spec.format].suffixes
    files = {spec.path(suffix): data for suffix, data in zip(suffixes, built.contents, strict=True)}
    manifest = Manifest(
        model=spec.origin.model,
        direction=spec.source.direction,
        domains=spec.origin.domains,
        key=spec.source.key,
        weights_sha256=spec.origin.weights_sha256,
        training_scale=spec.origin.training_scale,
        format=spec.format,
        precision=spec.precision,
        shapes=spec.shapes,
        files={path.name: hashlib.sha256(data).hexdigest() for path, data in files.items()},
        versions={"cgtool": cgtool.__version__, **spec.target.versions, **built.versions},
        hardware=spec.target.hardware,
        parity=facts.parity,
        build_seconds=round(facts.build_seconds, 2),
        measured=facts.measured,
        sample=facts.sample,
    )
    path = spec.path(SUFFIX)
    try:
        path.unlink(missing_ok=True)
        spec.path(WORST).unlink(missing_ok=True)
        for target, data in files.items():
            write_whole(target, data)
        write_whole(path, manifest.to_json())
    except OSError as error:
        raise EngineError(f"can't be written: {error.strerror}", path=path, hint="Choose another --output") from error
    return EngineFile(path, manifest)


def with_sample(engine: EngineFile, sample: Sample) -> EngineFile:
    """The engine with a sample in its manifest, which is written anew if it can be; its files stay as they are."""
    manifest = replace(engine.manifest, sample=sample)
    try:
        write_whole(engine.manifest_path, manifest.to_json())
    except OSError as error:
        logger.debug("%s: no sample can be added: %s", engine.manifest_path, error)
        return engine
    return EngineFile(engine.manifest_path, manifest)
