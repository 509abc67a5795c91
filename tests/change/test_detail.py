from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.detail import AVERAGED, FLAT, MISFIT, WINDOW, GuidedDetail, resized
from cgtool.change.flow import gray
from cgtool.change.measures import edge_share
from cgtool.config import LEAST_CONTRAST
from tests.change.scenes import Image, texture

Field = NDArray[np.float64]


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


def difference(first: Image, second: Image) -> float:
    return float(np.abs(first.astype(np.int64) - second).mean())


LUMA = np.array([0.299, 0.587, 0.114])

# A direct implementation, pixel by pixel in double precision, to compare with.


def window_mean(field: Field, side: int) -> Field:
    height, width = field.shape[:2]
    reach = range(-(side // 2), side // 2 + 1)
    out = np.zeros_like(field)
    for y in range(height):
        for x in range(width):
            rows = [min(max(y + i, 0), height - 1) for i in reach]
            columns = [min(max(x + i, 0), width - 1) for i in reach]
            out[y, x] = np.mean([field[row, column] for row in rows for column in columns], axis=0)
    return out


def halved(field: Field) -> Field:
    return np.asarray(field[::2, ::2] + field[1::2, ::2] + field[::2, 1::2] + field[1::2, 1::2]) / 4


def upsampled(field: Field, height: int, width: int) -> Field:
    out = np.zeros((height, width, 3))
    for y in range(height):
        for x in range(width):
            at = [(y + 0.5) * field.shape[0] / height - 0.5, (x + 0.5) * field.shape[1] / width - 0.5]
            at = [min(max(value, 0), limit - 1) for value, limit in zip(at, field.shape, strict=False)]
            low = [int(value) for value in at]
            high = [min(value + 1, limit - 1) for value, limit in zip(low, field.shape, strict=False)]
            v, u = at[0] - low[0], at[1] - low[1]
            top = (1 - u) * field[low[0], low[1]] + u * field[low[0], high[1]]
            bottom = (1 - u) * field[high[0], low[1]] + u * field[high[0], high[1]]
            out[y, x] = (1 - v) * top + v * bottom
    return out


def guided_slowly(source: Image, source_small: Image, result_small: Image) -> Field:
    guide, change = halved(source_small.astype(np.float64)), halved(result_small.astype(np.float64) - source_small)

    def moment(field: Field) -> Field:
        return window_mean(field, WINDOW)

    covariance = moment(guide * change) - moment(guide) * moment(change)
    variance = moment(guide**2) - moment(guide) ** 2
    gain = covariance / (variance + FLAT)
    lift = np.maximum(0, LEAST_CONTRAST - 1 - gain @ LUMA)[..., None]
    offset = moment(change) - gain * moment(guide) - lift * (moment(guide) @ LUMA)[..., None]
    # The mean over the window of (change - gain * guide - offset)^2, multiplied out, with the means removed.
    squared_error = moment(change**2) - moment(change) ** 2 - 2 * gain * covariance + gain**2 * variance
    say = (1 / (squared_error.mean(axis=-1) + MISFIT))[..., None]
    terms = [window_mean(say * term, AVERAGED) / window_mean(say, AVERAGED) for term in (gain, lift, offset)]
    gain, lift, offset = (upsampled(term + np.zeros(3), *source.shape[:2]) for term in terms)
    return np.asarray(source + gain * source + lift * (source @ LUMA)[..., None] + offset, np.float64)


def test_against_a_direct_implementation() -> None:
    source, source_small, result_small = pair(40, 54, 16)
    source_small, result_small = source_small[:, :20].copy(), result_small[:, :20].copy()
    fast = GuidedDetail()(source, source_small, result_small)
    slow = guided_slowly(source, source_small, result_small).clip(0, 255)
    assert np.abs(fast - slow).max() < 0.6, "equal up to rounding, of luma to whole levels too"


def test_source_detail_survives_and_the_change_arrives() -> None:
    source, source_small, result_small = pair()
    result = GuidedDetail()(source, source_small, result_small)
    plain = resized(source, result_small)
    sharp, soft = (edge_share(gray(source), gray(image)) for image in (result, plain))
    assert sharp is not None
    assert soft is not None
    assert sharp > 0.85
    assert sharp > soft
    assert difference(result, cooled(source)) < 0.6 * difference(plain, cooled(source))


def test_flat_windows_keep_the_source_texture() -> None:
    source = np.full((80, 80, 3), 120, np.uint8) + np.random.default_rng(0).integers(-3, 4, (80, 80, 3)).astype(
        np.uint8
    )
    source_small = small(source, 40)
    result = GuidedDetail()(source, source_small, source_small - np.uint8(40))
    assert np.array_equal(result, source - np.uint8(40))


def test_an_unchanged_result_gives_the_source() -> None:
    source, source_small, _ = pair()
    assert np.array_equal(GuidedDetail(texture=0.7)(source, source_small, source_small), source)


def test_texture_1_gives_the_result_at_the_network_size() -> None:
    _, source_small, result_small = pair()
    without, half, whole = (
        difference(GuidedDetail(texture=share)(source_small, source_small, result_small), result_small)
        for share in (0, 0.5, 1)
    )
    assert whole < 0.01
    assert half == pytest.approx(without / 2, rel=0.1)
    assert without > 2


def test_strength_blends_with_the_source() -> None:
    source, source_small, result_small = pair()
    whole = GuidedDetail(texture=0.5)(source, source_small, result_small)
    assert np.array_equal(GuidedDetail(texture=0.5, strength=0)(source, source_small, result_small), source)
    half = GuidedDetail(texture=0.5, strength=0.5)(source, source_small, result_small)
    unclipped = (whole > 0) & (whole < 255)
    assert np.abs(half - (source.astype(np.float64) + whole) / 2)[unclipped].max() <= 1


@pytest.mark.parametrize("detail", ["guided", "resize"])
def test_preserve_color_keeps_chroma_and_changes_luma(detail: str) -> None:
    source = texture(120, 160, 8).clip(90, 160)
    source_small = small(source, 60)
    result_small = np.asarray(255 - source_small[..., ::-1] // 2 - np.uint8(30), np.uint8)
    if detail == "guided":
        result = GuidedDetail(preserve_color=True)(source, source_small, result_small)
    else:
        result = resized(source, result_small, preserve_color=True)
    change = result.astype(np.int64) - source
    assert np.ptp(change, axis=-1).max() <= 1, "red, green and blue change alike"
    luma = gray(np.asarray(cv2.resize(result_small, (160, 120)), np.uint8))
    assert np.abs(gray(result).astype(np.int64) - luma).mean() < 15
    assert np.abs(change).mean() > 15


def test_resized_is_bit_exact_at_equal_size_and_else_scales() -> None:
    source, source_small, result_small = pair()
    assert resized(source_small, result_small) is result_small
    flat = np.full((30, 40, 3), 77, np.uint8)
    assert np.array_equal(resized(source, flat), np.full(source.shape, 77, np.uint8))
    assert np.array_equal(resized(source, flat, strength=0), source)
    shrunk = resized(source_small, source)
    assert shrunk.shape == source_small.shape
    assert difference(shrunk, source_small) < 1


def test_one_object_serves_frames_of_several_sizes() -> None:
    transfer = GuidedDetail()
    for lines in (40, 96, 40):
        source, source_small, result_small = pair(lines=lines)
        assert np.array_equal(
            transfer(source, source_small, result_small), GuidedDetail()(source, source_small, result_small)
        )


@pytest.mark.parametrize("full", [(1, 1), (3, 2), (121, 161), (240, 7)])
@pytest.mark.parametrize("reduced", [(1, 1), (2, 5), (31, 41)])
@pytest.mark.parametrize("preserve_color", [False, True])
def test_any_size(full: tuple[int, int], reduced: tuple[int, int], preserve_color: bool) -> None:
    random = np.random.default_rng(0)
    source, source_small, result_small = (
        random.integers(0, 256, (*shape, 3), np.uint8) for shape in (full, reduced, reduced)
    )
    options = {"texture": 0.5, "strength": 0.5}
    result = GuidedDetail(**options, preserve_color=preserve_color)(source, source_small, result_small)
    assert result.shape == source.shape
    assert result.dtype == np.uint8
