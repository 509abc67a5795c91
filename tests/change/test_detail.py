from __future__ import annotations

import cv2
import numpy as np
import pytest

from cgtool.change.detail import GuidedDetail, resized
from cgtool.change.measures import edge_share
from cgtool.pictures import luma
from tests.change.scenes import Image, cooled, pair, small, texture


def difference(first: Image, second: Image) -> float:
    return float(np.abs(first.astype(np.int64) - second).mean())


def test_source_detail_survives_and_the_change_arrives() -> None:
    source, source_small, result_small = pair()
    result = GuidedDetail()(source, source_small, result_small)
    plain = resized(source, result_small)
    sharp, soft = (edge_share(luma(source), luma(image)) for image in (result, plain))
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
    wanted = luma(np.asarray(cv2.resize(result_small, (160, 120)), np.uint8))
    assert np.abs(luma(result).astype(np.int64) - wanted).mean() < 15
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
