"""Maps against a direct implementation of the guided filter, pixel by pixel in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.detail import GuidedDetail
from cgtool.change.fit import AVERAGED, FLAT, MISFIT, WINDOW, fit
from cgtool.config import LEAST_CONTRAST
from cgtool.pictures import LUMA, Size, luma
from tests.change.scenes import Image, pair, texture

Field = NDArray[np.float64]


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


def applied_slowly(source: Image, source_small: Image, result_small: Image) -> Field:
    guide, change = halved(source_small.astype(np.float64)), halved(result_small.astype(np.float64) - source_small)

    def moment(field: Field) -> Field:
        return window_mean(field, WINDOW)

    covariance = moment(guide * change) - moment(guide) * moment(change)
    variance = moment(guide**2) - moment(guide) ** 2
    gain = covariance / (variance + FLAT)
    lift = np.maximum(0, LEAST_CONTRAST - 1 - gain @ np.array(LUMA))[..., None]
    offset = moment(change) - gain * moment(guide) - lift * (moment(guide) @ np.array(LUMA))[..., None]
    # The mean over the window of (change - gain * guide - offset)^2, multiplied out, with the means removed.
    squared_error = moment(change**2) - moment(change) ** 2 - 2 * gain * covariance + gain**2 * variance
    say = (1 / (squared_error.mean(axis=-1) + MISFIT))[..., None]
    terms = [window_mean(say * term, AVERAGED) / window_mean(say, AVERAGED) for term in (gain, lift, offset)]
    gain, lift, offset = (upsampled(term + np.zeros(3), *source.shape[:2]) for term in terms)
    return np.asarray(source + gain * source + lift * (source @ np.array(LUMA))[..., None] + offset, np.float64)


def test_against_a_direct_implementation() -> None:
    source, source_small, result_small = pair(40, 54, 16)
    source_small, result_small = source_small[:, :20].copy(), result_small[:, :20].copy()
    fast = GuidedDetail()(source, source_small, result_small)
    slow = applied_slowly(source, source_small, result_small).clip(0, 255)
    assert np.abs(fast - slow).max() < 0.6, "equal up to rounding, of luma to whole levels too"


@pytest.mark.parametrize("contrast", [0.0, LEAST_CONTRAST, 1.0])
def test_contrast_of_luma_has_a_floor(contrast: float) -> None:
    source = texture(64, 96, 4)
    maps = fit(source, np.full_like(source, 128), contrast)
    kept = 1 + maps.gain @ np.array(LUMA, np.float32) + maps.lift
    assert kept.min() >= contrast - 1e-5
    assert maps.lift.min() >= 0


def test_a_straight_line_is_found_where_there_is_contrast() -> None:
    coarse = np.random.default_rng(0).integers(20, 200, (32, 48, 3), np.uint8)
    source = coarse.repeat(2, axis=0).repeat(2, axis=1)  # the fit halves it
    result = np.asarray(np.rint(source * [0.9, 1.0, 1.1] + [10.0, 0.0, -10.0]), np.uint8)
    maps = fit(source, result, 0.5)
    assert np.abs(maps.gain - [-0.1, 0.0, 0.1]).max() < 0.02
    assert np.abs(maps.offset - [10, 0, -10]).max() < 2
    assert maps.lift.max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (5, 8), (64, 96)])
def test_sizes(shape: tuple[int, int]) -> None:
    source = texture(*shape, 4)
    half = Size((shape[1] + 1) // 2, (shape[0] + 1) // 2)
    maps = fit(source, 255 - source)
    assert maps.size == Size.of(maps.gain) == Size.of(maps.offset) == half
    assert maps.texture is None
    whole = fit(source, 255 - source, texture=True)
    assert whole.texture is not None
    assert whole.size == Size.of(whole.texture) == Size.of(source)
    alone = fit(luma(source), luma(255 - source), texture=True)
    assert alone.gain.shape == alone.lift.shape == alone.offset.shape == shape
    assert {field.dtype for field in (alone.gain, alone.lift, alone.offset, alone.texture)} == {np.dtype("float32")}  # type: ignore[union-attr]


def test_texture_is_what_the_maps_do_not_explain() -> None:
    _, source, result = pair()
    maps = fit(source, result, texture=True)
    assert maps.texture is not None
    brightness = luma(source)[..., None]
    explained = source + maps.gain * source + maps.lift[..., None] * brightness + maps.offset
    assert np.abs(explained + maps.texture - result).max() < 1e-3
