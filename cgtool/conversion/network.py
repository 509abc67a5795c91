"""Frames through a network: down to its size, and through the engine in batches that fit the memory."""

from __future__ import annotations

import logging
import math
import statistics
import time
from dataclasses import dataclass

import numpy as np

from cgtool.backends.base import Backend, BackendInfo, MapGrid
from cgtool.config import MAX_AUTO_SIZE
from cgtool.conversion.look import NetworkSize
from cgtool.errors import OutOfMemoryError
from cgtool.frame import Frame, PlanarFrame
from cgtool.pictures import Array, Image, Size, resize

logger = logging.getLogger(__name__)

_MAX_ASPECT = 8
"""A frame longer than this many times its short side runs smaller, so that a banner does not fill the memory."""
_CALL_PIXELS = 1_200_000
"""Frames are batched up to about this many pixels per call of the engine, which can't be interrupted: a stop must not
wait for seconds. Two frames always go together, which keeps two streams busy."""
_LONGEST_HISTORY = 512
MAP_MULTIPLE = 8
"""Map networks see frames whose sides are multiples of this, so that their maps cover the frame exactly."""
_WARMING_UP, _ENOUGH = 3, 8


@dataclass(frozen=True)
class Small:
    """A frame that is ready for the network.

    Attributes:
        frame: The source's frame.
        small: The frame at the network's size: RGB, uint8, shape (height, width, 3).
    """

    frame: Frame | PlanarFrame
    small: Image

    @property
    def nbytes(self) -> int:
        """Bytes of pixel memory, by which queues are bounded."""
        return self.frame.nbytes + self.small.nbytes


@dataclass(frozen=True)
class Translated:
    """A frame with what the network made of it.

    Attributes:
        frame, small: As in `Small`.
        result: The network's picture, of the shape of ``small``; or its maps, float32, (knots * 7, height, width).
    """

    frame: Frame | PlanarFrame
    small: Image
    result: Image | Array

    @property
    def nbytes(self) -> int:
        """Bytes of pixel memory, by which queues are bounded."""
        return self.frame.nbytes + self.small.nbytes + self.result.nbytes


def network_size(width: int, height: int, size: NetworkSize, training_scale: int, multiple: int = 1) -> Size:
    """The size at which the network sees a frame, with the frame's proportions.

    Args:
        width, height: The frame's size in pixels.
        size: ``--size``: the short side in pixels; ``auto`` for the scale the model was trained at, at most
            ``MAX_AUTO_SIZE``; ``native`` for the frame's own.
        training_scale: The short side of the model's training images, in pixels.
        multiple: Both sides are rounded to a multiple of this.
    """
    if size == "native":
        return Size(_rounded(width, multiple), _rounded(height, multiple))
    short = min(training_scale, MAX_AUTO_SIZE) if size == "auto" else size
    factor = min(short / min(width, height), math.sqrt(_MAX_ASPECT * short * short / (width * height)))
    return Size(_rounded(width * factor, multiple), _rounded(height * factor, multiple))


def _rounded(length: float, multiple: int) -> int:
    return max(1, round(length / multiple)) * multiple


class Network:
    """Runs one file's frames through an engine. `shrink` and `infer` may run in a thread each.

    Args:
        backend: The engine.
        size, training_scale: See `network_size`.
        maps: The maps that the network gives; None if it gives pictures.
        batch: Frames per call of the engine; None for what the engine likes best.

    Attributes:
        maps: As given.
        batch: Frames per call of the engine; falls when the device's memory runs out.
        warnings: What the user should know.
    """

    def __init__(
        self,
        backend: Backend,
        size: NetworkSize,
        training_scale: int,
        *,
        maps: MapGrid | None = None,
        batch: int | None = None,
    ) -> None:
        self._backend = backend
        self.maps = maps
        self._size = size
        self._training_scale = training_scale
        self._batch_is_given = batch is not None
        self.batch = batch or backend.info.batch
        self.warnings: list[str] = []
        self._milliseconds_per_megapixel: list[float] = []

    @property
    def engine(self) -> BackendInfo:
        """What runs the network."""
        return self._backend.info

    def size_of(self, frame: Size) -> Size:
        """The size at which the network sees frames of this size."""
        return network_size(*frame, self._size, self._training_scale, 1 if self.maps is None else MAP_MULTIPLE)

    def expect(self, frame: Size) -> None:
        """Lower the engine's favourite batch for frames that are large at the network's size."""
        size = self.size_of(frame)
        if not self._batch_is_given:
            self.batch = min(self.batch, max(2, _CALL_PIXELS // size.pixels))
        logger.debug("the network sees %s at %s, %d frames per call", frame, size, self.batch)

    def shrink(self, frame: Frame) -> Small:
        """Bring a frame to the network's size."""
        return Small(frame, resize(frame.pixels, self.size_of(Size.of(frame.pixels))))

    def infer(self, frames: list[Small]) -> list[Translated]:
        """Translate frames of one size, in as many calls as the device's memory asks for.

        Raises:
            OutOfMemoryError: Not even one frame fits.
            EngineError: The engine failed.
        """
        results: list[Translated] = []
        while len(results) < len(frames):
            part = frames[len(results) : len(results) + self.batch]
            try:
                results += self._infer_at_once(part)
            except OutOfMemoryError as error:
                if len(part) == 1:
                    raise OutOfMemoryError(
                        f"one frame of {Size.of(part[0].small)} does not fit the memory of {self._backend.info.device}",
                        hint="Use a smaller --size",
                    ) from error
                self.batch = len(part) // 2
                self.warnings.append(f"out of memory at a batch of {len(part)}; going on with {self.batch}")
        return results

    def _infer_at_once(self, frames: list[Small]) -> list[Translated]:
        inputs = np.stack([frame.small for frame in frames])
        before = self._backend.info.engine
        begin = time.perf_counter()
        outputs = self._backend.infer(inputs)
        seconds = time.perf_counter() - begin
        if (now := self._backend.info.engine) != before:
            self.warnings.append(f"the {before} engine does not take {Size.of(inputs[0])}: {now} ran instead")
        if len(self._milliseconds_per_megapixel) < _LONGEST_HISTORY:
            self._milliseconds_per_megapixel.append(seconds * 1e9 / (inputs.size / 3))
        return [Translated(one.frame, one.small, output) for one, output in zip(frames, outputs, strict=True)]

    def milliseconds_per_megapixel(self) -> float | None:
        """The engine's median time, None before it has run often enough to be sure (the first calls warm it up)."""
        settled = self._milliseconds_per_megapixel[_WARMING_UP:]
        return statistics.median(settled) if len(settled) >= _ENOUGH else None
