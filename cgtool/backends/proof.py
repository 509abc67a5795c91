"""The gate that every compiled engine passes before it is kept: does it give the pictures that PyTorch gives?

Pictures come as arrays; reading them is the caller's business.
"""

from __future__ import annotations

import logging
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.backends import timings
from cgtool.backends.base import Backend, Engine, GeneratorSource, MapGrid
from cgtool.backends.engines import WORST
from cgtool.backends.sample import SIDE, Sample, unanswered, written
from cgtool.backends.spec import Built, EngineSpec, Shapes
from cgtool.backends.table import KINDS
from cgtool.config import EnginePrecision
from cgtool.errors import CgtoolError, EngineError
from cgtool.extras import installed
from cgtool.files import write_whole
from cgtool.grid import apply
from cgtool.pictures import Image, Size, resize

logger = logging.getLogger(__name__)

LEAST_PSNR: dict[EnginePrecision, float] = {"fp32": 60.0, "bf16": 40.0, "fp16": 40.0, "int8": 30.0}
"""Peak signal-to-noise ratio in dB against PyTorch FP32, over all pictures."""

MOST_BANDING = 2.0
"""See `Parity`; rounding to half as many levels gives 2."""

SECONDS = 2.0
"""About how long each engine is timed."""

_REFERENCE = "torch"
_SECOND_SIZE = 0.63
"""Of the first size: odd numbers of pixels come of it, so that padding and cropping are compared too."""
_SMOOTH = 3
"""Levels by which neighbours in smooth places differ at most in PyTorch's result."""
_HIGHER = "Try a higher precision"
_CONSTANT = 0.5
"""Standard deviation in levels below which a picture shows nothing."""


@dataclass(frozen=True)
class Parity:
    """How far an engine's results are from PyTorch's.

    Attributes:
        photographs: Compared, each at two sizes.
        psnr_db: Over all levels of all pictures; 99 where they are equal.
        max_levels: The largest absolute difference.
        mean_levels: The mean one.
        constant_share: Share of results that are one flat colour (as NaN becomes) where PyTorch's are not.
        banding: How long runs of equal levels are in smooth places, as a multiple of PyTorch's: steps in a sky.
    """

    photographs: int
    psnr_db: float
    max_levels: int
    mean_levels: float
    constant_share: float
    banding: float

    def passes(self, precision: EnginePrecision) -> bool:
        """Whether an engine of this precision may be kept."""
        return self.psnr_db >= LEAST_PSNR[precision] and self.constant_share == 0 and self.banding <= MOST_BANDING

    def to_json(self) -> dict[str, Any]:
        """The figures, rounded."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Worst:
    """The pair of pictures that are furthest apart.

    Attributes:
        photograph: The picture that both were given: RGB, uint8, (height, width, 3).
        expected: PyTorch's result, as it is shown.
        result: The engine's.
    """

    photograph: Image
    expected: Image
    result: Image

    def save(self, path: Path) -> None:
        """Write photograph, both results and eight times their difference side by side, as PNG.

        Raises:
            CgtoolError: The file can't be written.
        """
        difference = np.minimum(8 * cv2.absdiff(self.expected, self.result).astype(np.int32), 255).astype(np.uint8)
        sheet = np.concatenate([self.photograph, self.expected, self.result, difference], axis=1)
        ok, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        if not ok:
            raise CgtoolError("the picture can't be encoded", path=path)
        try:
            write_whole(path, data.tobytes())
        except OSError as error:
            raise CgtoolError(
                f"the worst of an engine's pictures can't be written: {error.strerror}", path=path
            ) from error


@dataclass(frozen=True)
class Proof:
    """The outcome of a comparison that an engine passed.

    Attributes:
        parity: How far it is from PyTorch.
        milliseconds: Per frame at the engine's size, here: ``engine``, ``torch fp32`` and ``torch bf16`` or ``fp16``.
        measured: Milliseconds of the engine per megapixel, by this machine's name.
    """

    parity: Parity
    milliseconds: dict[str, float]
    measured: dict[str, float]


def sample_of(source: GeneratorSource, shapes: Shapes | None = None) -> Sample:
    """A small frame and what PyTorch makes of it in FP32, on the CPU: for an engine's manifest.

    Args:
        source: The generator.
        shapes: The frames that the engine takes: the smallest of them is given; None for any.

    Raises:
        ModelError: The source can't be loaded.
    """
    low, high = ((1, 1), (SIDE, SIDE)) if shapes is None else (shapes.min[1:], shapes.max[1:])
    height, width = (min(max(SIDE, least), most) for least, most in zip(low, high, strict=True))
    asked = unanswered(Size(width, height))
    reference = EngineSpec(source, _REFERENCE, "fp32")
    with KINDS[_REFERENCE].kind().open_source(reference, "cpu", latency=True) as backend:
        picture = _shown(backend, asked.given, source.maps)
    return replace(asked, picture=written(picture[:SIDE, :SIDE]))


def agreement(backend: Backend, sample: Sample, maps: MapGrid | None) -> float | None:
    """Peak signal-to-noise ratio in dB of an engine's result for a sample, at most 99; None if it gives NaN.

    Args:
        backend: The engine.
        sample: The frame and the picture that is expected.
        maps: The maps that the engine gives; None for pictures.

    Raises:
        EngineError: It fails, gives arrays of another shape, or the sample is damaged.
    """
    picture, expected = sample.given, sample.expected
    result = backend.infer(picture[None])
    should = picture[None].shape if maps is None else maps.shape_of(picture[None].shape)
    if result.shape != should:
        raise EngineError(f"it gives arrays of shape {result.shape} where {should} is right")
    if not np.isfinite(result).all():
        return None
    shown = _meant(picture, result[0], maps)[: expected.shape[0], : expected.shape[1]]
    if shown.shape != expected.shape:
        raise EngineError("the small frame in its manifest is damaged: its picture has another size")
    return _psnr(float(np.square(cv2.absdiff(expected, shown).astype(np.float64)).mean()))


def _psnr(squared: float) -> float:
    """Decibels of a mean squared difference in levels; 99 where there is none."""
    return 99.0 if squared == 0 else min(99.0, 10 * math.log10(255**2 / squared))


def prove(spec: EngineSpec, built: Built, pictures: Sequence[Image], sample: Sample) -> Proof:
    """Compare a new engine with PyTorch, and time both.

    Args:
        spec: The engine.
        built: Its contents.
        sample: What its manifest is going to promise: it must hold here too.
        pictures: To compare on: RGB, uint8, (height, width, 3), at about the size at which the network works.

    Raises:
        EngineError: It can't be opened, or differs too much; the worst picture is then beside where it would be kept.
    """
    device = KINDS[spec.format].home()
    with ExitStack() as stack:
        engine: Backend = stack.enter_context(_opened(spec, built, device))
        rivals = _references(spec.source, device, stack)
        parity, worst = compare(engine, rivals["torch fp32"], pictures, spec.shapes, spec.source.maps)
        logger.debug("%s: %s", spec.label, parity)
        if not parity.passes(spec.precision):
            worst.save(spec.path(WORST))
            raise _refused(spec, parity)
        small = agreement(engine, sample, spec.source.maps)
        if small is None or small < LEAST_PSNR[spec.precision]:
            found = "NaN" if small is None else f"{small:.1f} dB against PyTorch"
            raise EngineError(f"{spec.label}: not kept: {found} on a frame of {SIDE} pixels", hint=_HIGHER)
        speeds = milliseconds_per_frame([engine, *rivals.values()], spec.size)
    milliseconds = dict(zip(["engine", *rivals], speeds, strict=True))
    per_megapixel = round(milliseconds["engine"] * 1e6 / spec.size.pixels, 2)
    return Proof(parity, milliseconds, {timings.hardware(device): per_megapixel})


def _opened(spec: EngineSpec, built: Built, device: str) -> Engine:
    """The engine, in another runtime that reads it where its own is not installed."""
    row = KINDS[spec.format]
    if row.reader is not None and row.package is not None and not installed(row.package):
        row = KINDS[row.reader]
        spec = replace(spec, format=row.name, precision="fp32")
    return row.kind().open(spec, built.contents, device, latency=True)


def _references(source: GeneratorSource, device: str, stack: ExitStack) -> dict[str, Backend]:
    """PyTorch in FP32, and in the arithmetic that it would take by itself where that is another."""
    kind = KINDS[_REFERENCE].kind()
    precisions: dict[EnginePrecision, None] = {"fp32": None, kind.arithmetic(device, "auto"): None}
    return {
        f"{_REFERENCE} {precision}": stack.enter_context(
            kind.open_source(EngineSpec(source, _REFERENCE, precision), device, latency=True)
        )
        for precision in precisions
    }


def _refused(spec: EngineSpec, parity: Parity) -> EngineError:
    return EngineError(
        f"{spec.label}: not kept: {parity.psnr_db:.1f} dB against PyTorch, where {LEAST_PSNR[spec.precision]:.0f}"
        f" is asked for; largest difference {parity.max_levels} levels, mean {parity.mean_levels:.2f},"
        f" {100 * parity.constant_share:.0f}% of pictures flat, banding {parity.banding:.1f}",
        hint=f"See {spec.path(WORST)}: photograph, PyTorch, engine, 8 times the difference. {_HIGHER}",
    )


def compare(
    engine: Backend,
    reference: Backend,
    pictures: Sequence[Image],
    shapes: Shapes | None = None,
    maps: MapGrid | None = None,
) -> tuple[Parity, Worst]:
    """Translate pictures, each at its own size and at a smaller, odd one, with both, and compare.

    Maps are compared by the pictures that they make.

    Args:
        engine: The engine to be proven.
        reference: PyTorch in FP32.
        pictures: RGB, uint8, (height, width, 3).
        shapes: The frames that the engine takes: pictures are scaled to the best of it and a smaller one instead; None
            for any.
        maps: The maps that both give; None for pictures.

    Raises:
        EngineError: One of them fails.
    """
    squared, total, levels, largest, constant, count = 0.0, 0, 0.0, 0, 0, 0
    equal = np.zeros(3)  # neighbours in smooth places: how many, equal in PyTorch's result, equal in the engine's
    worst: tuple[float, Worst] | None = None
    for picture in _two_sizes(pictures, shapes):
        expected, result = (_shown(backend, picture, maps) for backend in (reference, engine))
        difference = cv2.absdiff(expected, result).astype(np.float64)
        squares = float(np.square(difference).sum())
        squared, levels, total = squared + squares, levels + float(difference.sum()), total + difference.size
        largest = max(largest, int(difference.max()))
        constant += bool(result.std() < _CONSTANT <= expected.std())
        count += 1
        equal += _equal_neighbours(expected, result)
        if worst is None or squares / difference.size > worst[0]:
            worst = squares / difference.size, Worst(picture, expected, result)
    assert worst is not None
    parity = Parity(
        photographs=len(pictures),
        psnr_db=_psnr(squared / total),
        max_levels=largest,
        mean_levels=levels / total,
        constant_share=constant / count,
        banding=float((equal[0] - equal[1] + 1) / (equal[0] - equal[2] + 1)),
    )
    return parity, worst[1]


def _shown(backend: Backend, picture: Image, maps: MapGrid | None) -> Image:
    """The picture that a backend's result means: maps are carried out on the one that was given."""
    return _meant(picture, backend.infer(picture[None])[0], maps)


def _meant(picture: Image, result: NDArray[Any], maps: MapGrid | None) -> Image:
    """The picture that a result for a picture means."""
    if maps is None:
        return cast(Image, result)
    (width, height), (_, rows, columns) = Size.of(picture), result.shape
    # The maps of a frame that is no whole number of cells reach beyond it, and so must the frame.
    beyond = ((0, rows * maps.stride - height), (0, columns * maps.stride - width), (0, 0))
    return apply(np.pad(picture, beyond, mode="edge"), result)[:height, :width]


def _equal_neighbours(expected: Image, result: Image) -> NDArray[np.float64]:
    """Pairs of neighbours in a row where PyTorch's result is smooth; those equal in it; those equal in the engine's."""
    steps, others = (np.abs(np.diff(image.astype(np.int16), axis=1)) for image in (expected, result))
    smooth = steps <= _SMOOTH
    return np.array([smooth.sum(), (smooth & (steps == 0)).sum(), (smooth & (others == 0)).sum()], np.float64)


def milliseconds_per_frame(backends: Sequence[Backend], size: Size, *, seconds: float | None = None) -> list[float]:
    """Median time of one frame in each backend, taken in turns so that all meet the same machine.

    Args:
        backends: The engines.
        size: Of the frame.
        seconds: About how long each is timed, after a first call that does not count; None for `SECONDS`.
    """
    frames = np.random.default_rng(0).integers(0, 256, (1, size.height, size.width, 3), dtype=np.uint8)
    for backend in backends:
        backend.infer(frames)
    times: list[list[float]] = [[] for _ in backends]
    end = time.perf_counter() + (SECONDS if seconds is None else seconds) * len(backends)
    while time.perf_counter() < end or len(times[0]) < 3:
        for backend, own in zip(backends, times, strict=True):
            begin = time.perf_counter()
            backend.infer(frames)
            own.append(1e3 * (time.perf_counter() - begin))
    return [statistics.median(own) for own in times]


def _two_sizes(pictures: Sequence[Image], shapes: Shapes | None) -> list[Image]:
    if shapes is None:
        sizes = [Size.of(picture) for picture in pictures]
        smaller = [size.with_short(round(_SECOND_SIZE * size.short) | 1) for size in sizes]
        return [*pictures, *(resize(picture, size) for picture, size in zip(pictures, smaller, strict=True))]
    best = Size(shapes.opt[2], shapes.opt[1])
    least = Size(shapes.min[2], shapes.min[1])
    second = Size(*(min(side, max(low, round(_SECOND_SIZE * side) | 1)) for low, side in zip(least, best, strict=True)))
    return [resize(picture, size) for size in dict.fromkeys([best, second]) for picture in pictures]
