"""What is shown of a network's result."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest

from cgtool.conversion.look import FullLook
from cgtool.conversion.network import Translated
from cgtool.conversion.rendering import Rendering
from cgtool.frame import Frame
from cgtool.pictures import Image, Size, resize

PLAIN = FullLook(size="native", smooth=0.0, texture=0.0, detail="resize")


def translated(height: int, width: int, short: int | None = None, number: int = 0) -> Translated:
    """A frame, and its negative as the network's result."""
    pixels: Image = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    small = pixels if short is None else resize(pixels, Size(short * width // height, short))
    return Translated(Frame(pixels, number, number * 40, Fraction(1, 1000)), small, 255 - small)


def pixels(frame: Translated) -> Image:
    assert isinstance(frame.frame, Frame)
    return frame.frame.pixels


def test_plain_at_native_size_is_the_networks_picture_bit_for_bit() -> None:
    rendering = Rendering(PLAIN)
    for number in range(3):
        frame = translated(48, 64, number=number)
        finished = rendering.finish(rendering.steady(frame))
        assert np.array_equal(finished.pixels, 255 - pixels(frame))
        assert (finished.index, finished.pts) == (number, number * 40)


@pytest.mark.parametrize("detail", ["guided", "resize"])
@pytest.mark.parametrize("short", [32, 96])
@pytest.mark.parametrize(("height", "width"), [(48, 64), (33, 57)])
def test_the_result_has_the_frames_own_size(
    detail: Literal["guided", "resize"], short: int, height: int, width: int
) -> None:
    rendering = Rendering(replace(PLAIN, smooth=0.8, detail=detail, texture=0.5))
    for number in range(3):
        frame = translated(height, width, short, number)
        finished = rendering.finish(rendering.steady(frame))
        assert finished.pixels.shape == pixels(frame).shape
        assert finished.pixels.dtype == np.uint8


@pytest.mark.parametrize("detail", ["guided", "resize"])
def test_no_strength_is_the_source(detail: Literal["guided", "resize"]) -> None:
    rendering = Rendering(replace(PLAIN, detail=detail, strength=0.0))
    frame = translated(48, 64, 24)
    difference = rendering.finish(rendering.steady(frame)).pixels.astype(int) - pixels(frame)
    assert np.abs(difference).max() <= 1


def test_guided_detail_keeps_a_fade_and_scaling_does_not() -> None:
    dark = np.full((48, 64, 3), 10, np.uint8)
    frame = Translated(Frame(dark, 0, 0, Fraction(1)), dark, np.full_like(dark, 200))
    shown = {}
    for detail in ("guided", "resize"):
        rendering = Rendering(replace(PLAIN, detail=detail))
        shown[detail] = rendering.finish(rendering.steady(frame)).pixels.mean()
    assert shown["resize"] == 200
    assert shown["guided"] == pytest.approx(10, abs=1)
