"""Does an engine give what PyTorch gives? Every engine is compared before it is kept."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.backends.base import Backend
from cgtool.backends.cache import write_atomically
from cgtool.backends.manifest import Shapes
from cgtool.config import EnginePrecision
from cgtool.errors import CgtoolError, MediaError, UsageError
from cgtool.media.images import IMAGE_SUFFIXES, read_image

LEAST_PSNR: dict[EnginePrecision, float] = {"fp32": 60.0, "bf16": 40.0, "fp16": 40.0, "int8": 30.0}
"""Peak signal-to-noise ratio in dB against PyTorch FP32, over all photographs."""

MOST_BANDING = 2.0
"""See `Parity`; rounding to half as many levels gives 2."""

MOST_PHOTOGRAPHS = 8
_SECOND_SIZE = 0.63
"""Of the first size: odd numbers of pixels come of it, so that padding and cropping are compared too."""
_EDGE = 8
"""Rows and columns along the border that are looked at apart: what padding could spoil."""
_SMOOTH = 3
"""Levels by which neighbours in smooth places differ at most in PyTorch's result."""
_CONSTANT = 0.5
"""Standard deviation in levels below which a picture shows nothing."""

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Parity:
    """How far an engine's results are from PyTorch's.

    Attributes:
        photographs: Compared, each at two sizes.
        psnr_db: Over all levels of all pictures; 99 where they are equal.
        max_levels: The largest absolute difference.
        mean_levels: The mean one.
        edge_mean_levels: The mean one in the rows and columns along the border.
        middle_mean_levels: The mean one in the rest.
        constant_share: Share of results that are one flat colour (as NaN becomes) where PyTorch's are not.
        banding: How long runs of equal levels are in smooth places, as a multiple of PyTorch's: steps in a sky.
    """

    photographs: int
    psnr_db: float
    max_levels: int
    mean_levels: float
    edge_mean_levels: float
    middle_mean_levels: float
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
        photograph: What both were given: RGB, uint8, (height, width, 3).
        expected: PyTorch's result.
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
            write_atomically(path, data.tobytes())
        except OSError as error:
            raise CgtoolError(
                f"the worst of an engine's pictures can't be written: {error.strerror}", path=path
            ) from error


def photographs(folder: Path | None, model_folder: Path, short_side: int, limit: int = MOST_PHOTOGRAPHS) -> list[Image]:
    """Pictures to compare on, and to calibrate with.

    Args:
        folder: The user's, or None for the model's own sample and the portrait that ships with Matplotlib (public
            domain).
        model_folder: Where the model's sample lies.
        short_side: The size at which the network works, in pixels.
        limit: How many at most, spread over the folder.

    Raises:
        UsageError: There is none that can be read.
    """
    if folder is not None:
        paths = _image_files(folder)
        paths = paths[:: max(1, len(paths) // limit)][:limit]
    else:
        import matplotlib

        paths = [*model_folder.glob("sample*"), Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"]
    pictures = []
    for path in paths:
        with contextlib.suppress(MediaError):  # a folder of photographs may hold a broken one; none is an error below
            pictures.append(_scaled(read_image(path).pixels, short_side))
    if not pictures:
        raise UsageError(
            "no photograph to compare the engine on",
            path=folder or model_folder,
            hint="Give a folder of photographs with --calibration",
        )
    return pictures


def check_photographs(folder: Path) -> None:
    """See that a folder holds pictures, before anything is built.

    Raises:
        UsageError: It does not.
    """
    if not _image_files(folder):
        raise UsageError("it holds no pictures", path=folder, hint=f"Put some there ({', '.join(IMAGE_SUFFIXES)})")


def _image_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def compare(
    engine: Backend, reference: Backend, pictures: Sequence[Image], shapes: Shapes | None = None
) -> tuple[Parity, Worst]:
    """Translate pictures, each at its own size and at a smaller, odd one, with both, and compare.

    Args:
        engine: What is to be proven.
        reference: PyTorch in FP32.
        pictures: RGB, uint8, (height, width, 3).
        shapes: What the engine takes: pictures are scaled to the best of it and a smaller one instead; None for any.

    Raises:
        EngineError: One of them fails.
    """
    squared, edges, middles, largest, constant, count = 0.0, [0.0, 0], [0.0, 0], 0, 0, 0
    equal = np.zeros(3)  # neighbours in smooth places: how many, equal in PyTorch's result, equal in the engine's
    worst: tuple[float, Worst] | None = None
    for picture in _two_sizes(pictures, shapes):
        expected = reference.infer(picture[None])[0].copy()
        result = engine.infer(picture[None])[0].copy()
        difference = cv2.absdiff(expected, result).astype(np.float64)
        squared += float(np.square(difference).sum())
        middle = difference[_EDGE:-_EDGE, _EDGE:-_EDGE]
        middles = [middles[0] + float(middle.sum()), middles[1] + middle.size]
        edges = [edges[0] + float(difference.sum() - middle.sum()), edges[1] + difference.size - middle.size]
        largest = max(largest, int(difference.max()))
        constant += bool(result.std() < _CONSTANT <= expected.std())
        count += 1
        equal += _equal_neighbours(expected, result)
        mean = float(np.square(difference).mean())
        if worst is None or mean > worst[0]:
            worst = mean, Worst(picture, expected, result)
    assert worst is not None
    total = edges[1] + middles[1]
    psnr = 99.0 if squared == 0 else min(99.0, 10 * math.log10(255**2 / (squared / total)))
    parity = Parity(
        photographs=len(pictures),
        psnr_db=psnr,
        max_levels=largest,
        mean_levels=(edges[0] + middles[0]) / total,
        edge_mean_levels=edges[0] / edges[1],
        middle_mean_levels=middles[0] / max(1, middles[1]),
        constant_share=constant / count,
        banding=float((equal[0] - equal[1] + 1) / (equal[0] - equal[2] + 1)),
    )
    return parity, worst[1]


def _equal_neighbours(expected: Image, result: Image) -> NDArray[np.float64]:
    """Pairs of neighbours in a row where PyTorch's result is smooth; those equal in it; those equal in the engine's."""
    steps, others = (np.abs(np.diff(image.astype(np.int16), axis=1)) for image in (expected, result))
    smooth = steps <= _SMOOTH
    return np.array([smooth.sum(), (smooth & (steps == 0)).sum(), (smooth & (others == 0)).sum()], np.float64)


def milliseconds_a_frame(backends: Sequence[Backend], height: int, width: int, *, seconds: float = 2.0) -> list[float]:
    """Median time of one frame in each backend, taken in turns so that all meet the same machine.

    Args:
        backends: What is timed.
        height, width: Of the frame, in pixels.
        seconds: About how long each is timed, after a first call that does not count.
    """
    frames = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    for backend in backends:
        backend.infer(frames)
    times: list[list[float]] = [[] for _ in backends]
    end = time.perf_counter() + seconds * len(backends)
    while time.perf_counter() < end or len(times[0]) < 3:
        for backend, own in zip(backends, times, strict=True):
            begin = time.perf_counter()
            backend.infer(frames)
            own.append(1e3 * (time.perf_counter() - begin))
    return [statistics.median(own) for own in times]


def _two_sizes(pictures: Sequence[Image], shapes: Shapes | None) -> list[Image]:
    if shapes is None:
        smaller = [_scaled(picture, round(_SECOND_SIZE * min(picture.shape[:2])) | 1) for picture in pictures]
        return [*pictures, *smaller]
    best = shapes.opt[1:]
    second = (
        min(side, max(low, round(_SECOND_SIZE * side) | 1)) for low, side in zip(shapes.min[1:], best, strict=True)
    )
    return [_resized(picture, *size) for size in dict.fromkeys([best, tuple(second)]) for picture in pictures]


def _scaled(picture: Image, short_side: int) -> Image:
    height, width = picture.shape[:2]
    factor = short_side / min(height, width)
    return _resized(picture, max(1, round(height * factor)), max(1, round(width * factor)))


def _resized(picture: Image, height: int, width: int) -> Image:
    how = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.ascontiguousarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)
