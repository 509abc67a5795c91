"""A frame through a network: down to the network's size, through the engine, steadied, and back to its own size."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cgtool.backends.base import Backend
from cgtool.change.detail import GuidedDetail, resized
from cgtool.change.exposure import keep_exposure
from cgtool.change.smoothing import Smoother
from cgtool.config import LEAST_CONTRAST, MAX_AUTO_SIZE
from cgtool.errors import OutOfMemoryError
from cgtool.frame import Frame

Size = int | Literal["auto", "native"]

_MAX_ASPECT = 8
"""A frame longer than this many times its short side runs smaller, so that a banner does not fill the memory."""
_CALL_PIXELS = 1_200_000
"""Frames are batched up to about this many pixels a call of the engine, which can't be interrupted: a stop must not
wait for seconds. Two frames always go together, which keeps two streams busy."""
_LONGEST_HISTORY = 512


@dataclass(frozen=True)
class Picture:
    """A frame on its way through the network.

    Attributes:
        frame: The source's frame.
        small: The frame at the network's size: uint8 RGB HWC.
        result: The network's result, of the same shape; before the network, ``small`` itself.
    """

    frame: Frame
    small: NDArray[np.uint8]
    result: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Bytes of pixel memory, by which queues are bounded."""
        return self.frame.nbytes + self.small.nbytes + self.result.nbytes


@dataclass(frozen=True)
class Look:
    """What is made of the network's result.

    Attributes:
        smooth: Temporal smoothing of videos, 0 (none) to 1.
        detail: How the change reaches the frame's own size: ``guided`` keeps the source's detail and fades (see
            ``change.detail`` and ``change.exposure``), ``resize`` scales the result and adds nothing.
        texture: Share, 0 to 1, of the network's own texture that guided detail adds back.
        contrast: Share, 0 to 1, of the source's contrast that guided detail keeps at least; None for its own choice.
        strength: Share of the change, 0 (the source) to 1.
        preserve_color: Change brightness alone.
    """

    smooth: float
    detail: Literal["guided", "resize"] = "guided"
    texture: float = 0.0
    contrast: float | None = None
    strength: float = 1.0
    preserve_color: bool = False


def network_size(width: int, height: int, size: Size, training_scale: int) -> tuple[int, int]:
    """The size at which the network sees a frame.

    Args:
        width, height: The frame's size in pixels.
        size: ``--size``: the short side in pixels; ``auto`` for the scale the model was trained at, at most
            ``MAX_AUTO_SIZE``; ``native`` for the frame's own.
        training_scale: The short side of the model's training images, in pixels.

    Returns:
        Width and height in pixels, the frame's proportions kept.
    """
    if size == "native":
        return width, height
    short = min(training_scale, MAX_AUTO_SIZE) if size == "auto" else size
    factor = min(short / min(width, height), math.sqrt(_MAX_ASPECT * short * short / (width * height)))
    return max(1, round(width * factor)), max(1, round(height * factor))


class Translator:
    """Runs one clip's frames through a backend at the network's size. Its steps may run in a thread each.

    Args:
        backend: The engine.
        size: See ``network_size``.
        training_scale: See ``network_size``.
        look: What is made of the network's result.
        batch: Frames a call of the engine; None for what the engine likes best.

    Attributes:
        batch: Frames a call of the engine; falls when the device's memory runs out.
        warnings: What the user should know.
    """

    def __init__(
        self, backend: Backend, size: Size, training_scale: int, look: Look, *, batch: int | None = None
    ) -> None:
        self._backend = backend
        self._size = size
        self._training_scale = training_scale
        self._look = look
        self._smoother = Smoother(look.smooth)
        self._guided = GuidedDetail(
            texture=look.texture,
            contrast=LEAST_CONTRAST if look.contrast is None else look.contrast,
            strength=look.strength,
            preserve_color=look.preserve_color,
        )
        self.batch = batch or backend.info.batch
        self.warnings: list[str] = []
        self._milliseconds_per_megapixel: list[float] = []

    def network_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height at which the network sees frames of this size."""
        return network_size(width, height, self._size, self._training_scale)

    def limit_batch(self, width: int, height: int) -> None:
        """Lower the engine's favourite batch for frames that are large at the network's size."""
        w, h = self.network_size(width, height)
        self.batch = min(self.batch, max(2, _CALL_PIXELS // (w * h)))

    def shrink(self, frame: Frame) -> Picture:
        """Bring a frame to the network's size."""
        height, width = frame.pixels.shape[:2]
        small = _resize(frame.pixels, *self.network_size(width, height))
        return Picture(frame, small, small)

    def infer(self, pictures: list[Picture]) -> list[Picture]:
        """Translate pictures of one size, in as many calls as the device's memory asks for.

        Raises:
            OutOfMemoryError: Not even one frame fits.
            EngineError: The engine failed.
        """
        results: list[Picture] = []
        while len(results) < len(pictures):
            part = pictures[len(results) : len(results) + self.batch]
            try:
                results += self._infer_at_once(part)
            except OutOfMemoryError as error:
                if len(part) == 1:
                    height, width = part[0].small.shape[:2]
                    raise OutOfMemoryError(
                        f"one frame of {width}x{height} does not fit the memory of {self._backend.info.device}",
                        hint="Use a smaller --size",
                    ) from error
                self.batch = len(part) // 2
                self.warnings.append(f"out of memory at a batch of {len(part)}; going on with {self.batch}")
        return results

    def _infer_at_once(self, pictures: list[Picture]) -> list[Picture]:
        inputs = np.stack([picture.result for picture in pictures])
        before = self._backend.info.engine
        begin = time.perf_counter()
        outputs = self._backend.infer(inputs)
        seconds = time.perf_counter() - begin
        if (now := self._backend.info.engine) != before:
            height, width = inputs.shape[1:3]
            self.warnings.append(f"the {before} engine does not take {width}x{height}: {now} ran instead")
        if len(self._milliseconds_per_megapixel) < _LONGEST_HISTORY:
            self._milliseconds_per_megapixel.append(seconds * 1e9 / (inputs.size / 3))
        return [replace(picture, result=output) for picture, output in zip(pictures, outputs, strict=True)]

    def milliseconds_per_megapixel(self) -> float | None:
        """The engine's median time, None before it has run often enough to be sure (the first calls warm it up)."""
        settled = self._milliseconds_per_megapixel[3:]
        return statistics.median(settled) if len(settled) >= 8 else None

    def smooth(self, picture: Picture) -> Picture:
        """Steady a result by the ones before. Pictures come in order."""
        result = picture.result
        if self._look.detail == "guided":
            result = keep_exposure(picture.small, result)
        seconds = float(picture.frame.pts_seconds)
        return replace(picture, result=self._smoother.step(picture.small, result, seconds))

    def finish(self, picture: Picture) -> Picture:
        """Bring a result to its frame's size: the returned picture's frame is the finished one."""
        source, look = picture.frame.pixels, self._look
        if look.detail == "guided":
            pixels = self._guided(source, picture.small, picture.result)
        else:
            pixels = resized(source, picture.result, strength=look.strength, preserve_color=look.preserve_color)
        return replace(picture, frame=replace(picture.frame, pixels=pixels))


def _resize(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return resized.astype(np.uint8, copy=False)
