"""A small frame with the picture that PyTorch makes of it: what an engine's manifest promises. Imports no framework."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from cgtool.errors import EngineError
from cgtool.pictures import Image, Size

SIDE = 32
"""Height and width of the frame in pixels: about 5 KB in a manifest."""


@dataclass(frozen=True)
class Sample:
    """One frame and its result, as text. A map network's result is the picture that its maps make.

    Attributes:
        width: Of what the engine is given, in pixels: the frame is mirrored on until it is as large as that.
        height: The same.
        frame: RGB, as PNG in Base64.
        picture: PyTorch's result in FP32, as far as the frame reaches before it is mirrored; as PNG in Base64.
    """

    width: int
    height: int
    frame: str
    picture: str

    @property
    def given(self) -> Image:
        """What the engine is given: RGB, uint8, (height, width, 3).

        Raises:
            EngineError: It can't be read.
        """
        frame = _read(self.frame)
        rows, columns = self.height - frame.shape[0], self.width - frame.shape[1]
        if min(rows, columns) < 0:
            raise EngineError("the small frame in its manifest is damaged: larger than it says")
        return np.ascontiguousarray(np.pad(frame, ((0, rows), (0, columns), (0, 0)), mode="symmetric"))

    @property
    def expected(self) -> Image:
        """The upper left corner of the result: RGB, uint8.

        Raises:
            EngineError: It can't be read.
        """
        return _read(self.picture)


@dataclass(frozen=True)
class Promise:
    """What a compiled file is said to be.

    Attributes:
        sample: What it should give; None in manifests of before there were any.
        digests: SHA-256 of its files.
    """

    sample: Sample | None
    digests: tuple[str, ...]


def unanswered(size: Size) -> Sample:
    """A sample for engines that take this size, whose result is still to be computed (``picture`` is empty).

    Light above and a dark form below, in colours, with grain: smooth places, edges and texture.
    """
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    sky = np.stack([0.45 + 0.3 * x, 0.62 + 0.1 * x, 0.9 - 0.25 * y], axis=-1)
    ground = np.stack([0.2 + 0.35 * x, 0.5 - 0.2 * y, 0.15 + 0.1 * x], axis=-1)
    form = (y > 0.55 + 0.2 * np.sin(7 * x))[..., None]
    grain = np.random.default_rng(0).normal(0, 0.04, (SIDE, SIDE, 1))
    levels = 255 * (np.where(form, ground, sky) + grain * (1 + form))
    frame = np.rint(levels).clip(0, 255).astype(np.uint8)[: size.height, : size.width]
    return Sample(size.width, size.height, written(frame), "")


def written(picture: Image) -> str:
    """A picture as `Sample` keeps it."""
    _, data = cv2.imencode(".png", picture[..., ::-1])
    return base64.b64encode(data.tobytes()).decode("ascii")


def _read(text: str) -> Image:
    try:
        data = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (binascii.Error, ValueError, cv2.error):
        picture = None
    if picture is None:
        raise EngineError("the small frame in its manifest is damaged", hint="Run cgtool export --force")
    return cast(Image, np.ascontiguousarray(picture[..., ::-1]))
