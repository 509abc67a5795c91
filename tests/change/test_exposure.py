"""Fades come out as fades."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.exposure import contrast, keep_exposure
from cgtool.media.reader import VideoReader

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def scene(bunny: Path) -> Image:
    with VideoReader(bunny) as reader:
        pixels: Image = next(reader.frames()).pixels
    small: Image = np.ascontiguousarray(pixels[::4, ::4])
    return small


def blind(frame: Image) -> Image:
    """What instance normalisation does, in one line: stretch to full contrast. Blue, so that it is a change."""
    stretched = (frame - frame.mean()) / max(frame.std(), 0.1) * 60 + 110
    blue: Image = np.clip(stretched + np.array([-20, 0, 20]), 0, 255).astype(np.uint8)
    return blue


def faded(frame: Image, share: float, colour: int) -> Image:
    return np.round(share * frame + (1 - share) * colour).astype(np.uint8)


def test_full_contrast_passes_untouched(scene: Image) -> None:
    result = blind(scene)
    assert keep_exposure(scene, result) is result


@pytest.mark.parametrize("colour", [0, 255])
def test_a_fade_fades(scene: Image, colour: int) -> None:
    distances = []
    for share in (1.0, 0.5, 0.3, 0.15, 0.05, 0.0):
        source = faded(scene, share, colour)
        distances.append(np.abs(keep_exposure(source, blind(source)).astype(float) - colour).mean())
    assert all(later < earlier for earlier, later in itertools.pairwise(distances[1:]))
    assert distances[-1] < 1, "the end of a fade is its colour"
    assert distances[-2] < 20
    # Without it the frame before the end is as bright as the first.
    source = faded(scene, 0.05, colour)
    assert np.abs(blind(source).astype(float) - colour).mean() > 80


def test_flat_frames_keep_their_colour() -> None:
    flat = np.full((20, 30, 3), (10, 120, 200), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, flat.shape, np.uint8)
    assert np.array_equal(keep_exposure(flat, noise), flat)


def test_contrast_in_levels() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert contrast(ramp) == pytest.approx(251, abs=2)
    assert contrast(np.zeros((4, 4, 3), np.uint8)) == 0
