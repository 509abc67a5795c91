"""Synthetic footage whose motion is known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def texture(height: int, width: int, seed: int, finest: float = 2.0) -> Image:
    """Coloured noise over four octaves and hard-edged discs; ``finest`` is the finest octave's blur in pixels."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 120, np.float32)
    for blur, contrast in ((40, 40), (16, 25), (6, 15), (finest, 8)):
        octave = cv2.GaussianBlur(random.standard_normal((height, width, 3)).astype(np.float32), (0, 0), blur)
        picture += octave * (contrast / octave.std())
    for _ in range(height * width // 9000):
        centre = int(random.integers(width)), int(random.integers(height))
        colour = [float(level) for level in random.integers(20, 235, 3)]
        cv2.circle(picture, centre, int(random.integers(8, 36)), colour, -1, cv2.LINE_AA)
    return np.clip(picture, 0, 255).astype(np.uint8)


def pan(frames: int, height: int, width: int, step: int, seed: int = 1, finest: float = 2.0) -> list[Image]:
    """The camera moves ``step`` pixels to the right a frame."""
    wall = texture(height, width + step * frames, seed, finest)
    return [np.ascontiguousarray(wall[:, i * step : i * step + width]) for i in range(frames)]


def crossing(
    frames: int, height: int, width: int, step: int, radius: int
) -> tuple[list[Image], list[NDArray[np.bool_]]]:
    """A disc crosses a slowly moving background, ``step`` pixels a frame; also where it is in each frame."""
    wall, disc = pan(frames, height, width, 2, seed=2), 255 - texture(2 * radius + 1, 2 * radius + 1, seed=7) // 2
    rows, columns = np.mgrid[:height, :width]
    covered = []
    for i, frame in enumerate(wall):
        middle = i * step - radius
        mask = (rows - height // 2) ** 2 + (columns - middle) ** 2 <= radius**2
        y, x = rows[mask] - height // 2 + radius, columns[mask] - middle + radius
        frame[mask] = disc[y, x]
        covered.append(mask)
    return wall, covered


def recoloured(frame: Image) -> Image:
    """A translation without flicker: each pixel's colour is a function of the source's colour there."""
    red, green, blue = np.moveaxis(frame.astype(np.float32), -1, 0)
    result = np.stack((0.7 * blue + 20, 200 - 0.5 * red, 0.9 * green + 30), axis=-1)
    return np.asarray(result.clip(0, 255), np.uint8)


def flickering(frame: Image, seed: int, noise: float = 8.0, pumping: float = 4.0) -> Image:
    """``recoloured`` with what networks add: noise that differs from frame to frame, and a brightness that jumps."""
    random = np.random.default_rng(seed)
    errors = random.normal(0, noise, frame.shape) + random.normal(0, pumping, 3)
    return np.asarray(np.clip(np.rint(recoloured(frame) + errors), 0, 255), np.uint8)


def small(frame: Image, lines: int) -> Image:
    size = round(frame.shape[1] * lines / frame.shape[0]), lines
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def cooled(frame: Image) -> Image:
    """Less red, more blue, a little more contrast."""
    return np.asarray((frame * [0.9, 1.0, 1.1] + [-20.0, 0.0, 25.0]).clip(0, 255), np.uint8)


def pair(height: int = 240, width: int = 320, lines: int = 96) -> tuple[Image, Image, Image]:
    """A frame, the frame as the network sees it, and a noisy result."""
    source = texture(height, width, 8)
    source_small = small(source, lines)
    noise = np.random.default_rng(2).normal(0, 6, source_small.shape)
    return source, source_small, np.clip(cooled(source_small) + noise, 0, 255).astype(np.uint8)
