"""Fades come out as fades."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
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


def lettered(frame: Image, level: int) -> Image:
    """With a caption."""
    written: Image = frame.copy()
    return np.asarray(
        cv2.putText(written, "At night", (20, 120), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (level,) * 3), np.uint8
    )


@pytest.mark.parametrize(("ground", "letters"), [(0, 255), (255, 0), (9, 240)])
def test_a_title_stays_as_it_is(ground: int, letters: int) -> None:
    title = lettered(np.full((180, 320, 3), ground, np.uint8), letters)
    assert np.array_equal(keep_exposure(title, blind(title)), title)


def test_a_caption_changes_nothing_but_its_own_pixels(scene: Image) -> None:
    """The network is blinded by a caption: it sees a dark scene no longer at its full contrast."""
    dark = faded(scene, 0.25, 8)
    captioned = lettered(dark, 255)
    same = (captioned == dark).all(-1)
    without, result = (keep_exposure(source, blind(source)).astype(float) for source in (dark, captioned))
    assert np.abs(blind(captioned)[same].astype(float) - blind(dark)[same]).mean() > 10
    assert np.abs(result - without)[same].mean() < 6
    assert abs(result[same].mean() - without[same].mean()) < 1.5
    assert np.array_equal(result[captioned[..., 0] == 255], captioned[captioned[..., 0] == 255])
