"""Compile generators to engines, prove each against PyTorch, and keep those that hold."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from cgtool.backends import machine
from cgtool.backends.base import GeneratorSource
from cgtool.backends.engines import Facts, existing, keep, with_sample
from cgtool.backends.manifest import EngineFile
from cgtool.backends.proof import prove, sample_of
from cgtool.backends.spec import AMPERE_AND_NEWER, BuildOptions, EngineSpec, Progress, Shapes, Target
from cgtool.backends.table import KINDS, Row, titles
from cgtool.config import EnginePrecision
from cgtool.conversion.model import source_of
from cgtool.errors import CgtoolError, EngineError, MediaError, UsageError
from cgtool.extras import require, require_training
from cgtool.media.images import IMAGE_SUFFIXES, read_image
from cgtool.models.lookup import find_models, named
from cgtool.models.names import folded
from cgtool.pictures import Image, Size, resize

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

_TO_COMPARE, _TO_CALIBRATE = 8, 64
"""Photographs that an engine is compared on, and that ranges of 8-bit integers are measured on."""

_SIZES = ("--min", "--opt", "--max")
"""Options that say which frames an engine takes."""


@dataclass(frozen=True)
class ExportRequest:
    """The user's wishes about what is compiled, and how.

    Attributes:
        models: Names or folders of models; none for all that there are.
        to: The target domain; None for both directions.
        format: ``auto`` is TensorRT or TensorRT for RTX where an NVIDIA GPU and the package are there, else OpenVINO.
        precision: None for the format's own: FP16, and in OpenVINO BF16 where the CPU has it. In OpenVINO, ``fp16``
            means the weights, and BF16 arithmetic where the CPU has it.
        smallest, best, largest: Sizes for formats that are shaped (TensorRT); None for around the scale that the model
            was trained at.
        batch: The largest batch, for formats that are shaped.
        build: Further wishes about the building.
        verify: Compare with PyTorch, and keep only what holds.
        output: Where engines go instead of the models' own folders, one folder per model.
        calibration: Photographs to quantize with, and to compare on.
        force: Compile anew what is there already.
    """

    models: tuple[str, ...] = ()
    to: str | None = None
    format: str = "auto"
    precision: EnginePrecision | None = None
    smallest: Size | None = None
    best: Size | None = None
    largest: Size | None = None
    batch: int = 4
    build: BuildOptions = field(default_factory=BuildOptions)
    verify: bool = True
    output: Path | None = None
    calibration: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        able = [row.name for row in KINDS.values() if self.precision in (None, *row.builds)]
        if self.format not in ("auto", *able):
            hint = f"Use {' or '.join(f'--format {name}' for name in able)}"
            raise UsageError(f"--format {self.format} can't do --{self.precision}", hint=hint)
        if self.precision == "int8" and self.calibration is None:
            raise UsageError("--int8 needs photographs to measure ranges on", hint="Give a folder with --calibration")
        if self.calibration is not None and not self.calibration.is_dir():
            raise UsageError("no such folder", path=self.calibration, hint="--calibration takes a folder of pictures")
        foreign = [] if self.format == "auto" else [o for o in self._given() if o not in KINDS[self.format].options]
        if foreign:
            meant = titles([row for row in KINDS.values() if foreign[0] in row.options])
            sizes = all(option in _SIZES for option in foreign)
            hint = f"{self.format} engines take frames of any size; leave it out" if sizes else "Leave it out"
            raise UsageError(f"{', '.join(foreign)} is for {meant} alone", hint=hint)

    def _given(self) -> list[str]:
        """Options given that are not for every format."""
        given = {
            "--min": self.smallest,
            "--opt": self.best,
            "--max": self.largest,
            "--workspace": self.build.workspace_mb,
            "--timing-cache": self.build.timing_cache,
            "--gpus": self.build.gpus != AMPERE_AND_NEWER,
            "--hardware-compatible": self.build.hardware_compatible,
            "--version-compatible": self.build.version_compatible,
        }
        return [option for option, value in given.items() if value]


@dataclass(frozen=True)
class Started:
    """An engine is begun. ``number`` counts from 0."""

    spec: EngineSpec
    number: int
    total: int


@dataclass(frozen=True)
class Exported:
    """One engine's fate.

    Attributes:
        spec: The engine.
        status: ``compiled``, ``up to date`` or ``failed``.
        engine: Its file; None if it failed.
        milliseconds: Per frame at the engine's size, here: ``engine``, ``torch fp32`` and ``torch bf16`` or ``fp16``.
        error: Why it failed.
    """

    spec: EngineSpec
    status: Literal["compiled", "up to date", "failed"]
    engine: EngineFile | None = None
    milliseconds: dict[str, float] | None = None
    error: str | None = None


Event = Started | Exported


def plan(request: ExportRequest, engines_dir: Path | None) -> list[EngineSpec]:
    """Lay out the engines that are to be made.

    Args:
        request: What is asked for.
        engines_dir: Where to look for models first.

    Raises:
        UsageError: A package is not installed, no such model or domain, sizes out of order, or no photographs.
        ModelError: A model named is damaged.
        EngineError: The format can't be compiled here.
    """
    require_training()
    if request.precision == "int8":
        require("nncf", "int8")
    if request.calibration is not None and not _image_files(request.calibration):
        hint = f"Put some there ({', '.join(IMAGE_SUFFIXES)})"
        raise UsageError("it holds no pictures", path=request.calibration, hint=hint)
    models = [named(name, engines_dir) for name in request.models] if request.models else find_models(engines_dir)[0]
    row, target = _format(request)
    precision = row.kind().compiled_in(request.precision or row.builds[0])
    specs = []
    for model in models:
        for direction in model.directions:
            if request.to is None or folded(model.target(direction)) == folded(request.to):
                source = source_of(model, direction)
                shapes, folder = _shapes(source, request) if row.shaped else None, _folder(source, request)
                specs.append(EngineSpec(source, row.name, precision, shapes, target, request.build, folder))
    if not specs:
        known = ", ".join(dict.fromkeys(domain for model in models for domain in model.domains)) or "none"
        raise UsageError(
            f"no model leads to {request.to!r}" if request.to else "there are no models", hint=f"Known domains: {known}"
        )
    return specs


def _format(request: ExportRequest) -> tuple[Row, Target]:
    """The format asked for, else the first that this machine can build; and the machine, as it names it."""
    if request.format != "auto":
        return KINDS[request.format], KINDS[request.format].kind().target(request.build)
    able = [row for row in KINDS.values() if row.suffixes and request.precision in (None, *row.builds)]
    for row in able[:-1]:
        absent = machine.absent(row.home()) or row.kind().missing(row.home())
        if absent is not None:
            logger.debug("not %s: %s", row.title, absent)
            continue
        try:
            return row, row.kind().target(request.build)
        except EngineError as error:
            logger.debug("not %s: %s", row.title, error)
    return able[-1], able[-1].kind().target(request.build)


def _shapes(source: GeneratorSource, request: ExportRequest) -> Shapes:
    """The frames that an engine takes: around the size that the network works at, unless told otherwise."""
    assert source.origin is not None, "models' generators have one"
    best = request.best or source.origin.size
    smallest = request.smallest or Size(best.short // 2, best.short // 2)
    largest = request.largest or Size(2 * max(best), 2 * max(best))
    low, opt, high = ((size.height, size.width) for size in (smallest, best, largest))
    try:
        return Shapes((1, *low), (request.batch, *opt), (request.batch, *high))
    except EngineError as error:
        hint = "Give --min, --opt and --max as WIDTHxHEIGHT, none larger than the next"
        raise UsageError(error.message, hint=hint) from error


def _folder(source: GeneratorSource, request: ExportRequest) -> Path:
    """Where the user wants it, else beside the weights, else (where those can't be written) in the cache."""
    assert source.origin is not None, "models' generators have one"
    own, cached = source.places
    if request.output is not None:
        return request.output / source.origin.model
    return own if os.access(own, os.W_OK) else cached


def export(specs: Sequence[EngineSpec], request: ExportRequest, progress: Progress | None = None) -> Iterator[Event]:
    """Compile engines, one after the other, telling what happens. One's failure does not stop the others.

    Args:
        specs: The engines that `plan` laid out.
        request: What they were laid out from.
        progress: Told how far a build is, where it takes long.
    """
    for number, spec in enumerate(specs):
        yield Started(spec, number, len(specs))
        try:
            yield _export_one(spec, request, progress)
        except CgtoolError as error:
            logger.debug("%s failed", spec.label, exc_info=True)
            yield Exported(spec, "failed", error=str(error))


def _export_one(spec: EngineSpec, request: ExportRequest, progress: Progress | None) -> Exported:
    kind = KINDS[spec.format].kind()
    proven = request.verify and kind.provable(spec)
    kept = None if request.force else existing(spec, proven=proven)
    if kept is not None:
        if kept.manifest.sample is None:  # of before there were any
            kept = with_sample(kept, sample_of(spec.source, spec.shapes))
        return Exported(spec, "up to date", kept)
    pictures = photographs(request.calibration, spec) if request.verify or spec.precision == "int8" else []
    begin = time.perf_counter()
    built = kind.build(spec, pictures, progress)
    facts = Facts(time.perf_counter() - begin, sample_of(spec.source, spec.shapes))
    milliseconds = None
    if proven:
        assert facts.sample is not None, "made above"
        proof = prove(spec, built, _spread(pictures, _TO_COMPARE), facts.sample)
        facts = replace(facts, parity=proof.parity.to_json(), measured=proof.measured)
        milliseconds = proof.milliseconds
    return Exported(spec, "compiled", keep(spec, built, facts), milliseconds)


def photographs(folder: Path | None, spec: EngineSpec) -> list[Image]:
    """Pictures to compare on, and to calibrate with, at the size at which the network works.

    8-bit integers take more of them: their ranges are measured.

    Args:
        folder: The user's, or None for the model's own sample and the portrait that ships with Matplotlib (public
            domain).
        spec: The engine.

    Raises:
        UsageError: There is none that can be read.
    """
    own = spec.source.places[0]
    if folder is not None:
        paths = _spread(_image_files(folder), _TO_CALIBRATE if spec.precision == "int8" else _TO_COMPARE)
    else:
        import matplotlib

        paths = [*own.glob("sample*"), Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"]
    pictures = []
    for path in paths:
        with contextlib.suppress(MediaError):  # a folder of photographs may hold a broken one; none is an error below
            picture = read_image(path).pixels
            pictures.append(resize(picture, Size.of(picture).with_short(spec.origin.size.short)))
    if not pictures:
        hint = "Give a folder of photographs with --calibration"
        raise UsageError("no photograph to compare the engine on", path=folder or own, hint=hint)
    return pictures


def _spread(things: list[_T], limit: int) -> list[_T]:
    """So many of a list at most, from all over it."""
    return things[:: max(1, len(things) // limit)][:limit]


def _image_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
