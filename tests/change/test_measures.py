"""Synthetic footage with known answers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cgtool.change.flow import warp
from cgtool.change.measures import Measures, Meter, edge_share, flicker, warp_error
from cgtool.errors import UsageError
from tests.change.scenes import Image, crossing, pan, recoloured, texture


def measure(sources: list[Image], results: list[Image]) -> Measures:
    meter = Meter()
    for source, result in zip(sources, results, strict=True):
        meter.step(source, result)
    return meter.summary()


def test_a_perfect_result_has_no_warp_error() -> None:
    sources = pan(5, 288, 384, step=6, finest=4)
    summary = measure(sources, [recoloured(frame) for frame in sources])
    assert summary.warp_error is not None
    assert summary.source_warp_error is not None
    assert summary.warp_error < 1e-5
    assert summary.source_warp_error < 1e-5


def test_a_perfect_result_under_its_known_flow() -> None:
    first, second = (frame.astype(np.float32) / np.float32(255) for frame in pan(2, 96, 128, step=7))
    flow = np.zeros((96, 128, 2), np.float32)
    flow[...] = 7, 0
    seen = np.zeros((96, 128), np.bool_)
    seen[:, :-7] = True
    assert warp_error(second, first, flow, seen) < 1e-12
    assert np.array_equal(warp(first, flow)[:, :-7], first[:, 7:])


@pytest.mark.parametrize("deviation", [2.0, 8.0])
def test_independent_noise_of_variance_v_gives_2v(deviation: float) -> None:
    still = np.clip(texture(288, 384, 3), 60, 190)
    random = np.random.default_rng(1)
    noisy = [np.rint(still + random.normal(0, deviation, still.shape)).astype(np.uint8) for _ in range(4)]
    variance = (deviation**2 + 1 / 12) / 255**2  # rounding adds a twelfth of a squared level
    summary = measure([still] * 4, noisy)
    assert summary.warp_error == pytest.approx(2 * variance, rel=0.02)
    assert summary.source_warp_error == 0


def test_a_ghost_raises_warp_error() -> None:
    sources, _ = crossing(14, 288, 384, step=12, radius=50)
    clean = [recoloured(frame) for frame in sources]
    ghosts = [np.asarray(cv2.addWeighted(clean[i], 0.6, clean[i - 3], 0.4, 0), np.uint8) for i in range(6, 14)]
    clean_error, ghost_error = (measure(sources[6:], results).warp_error for results in (clean[6:], ghosts))
    assert clean_error is not None
    assert ghost_error is not None
    assert ghost_error > 1.5 * clean_error


def test_flicker_is_the_second_difference_beyond_the_source() -> None:
    grey = np.full(3, 0.5)
    brighter = np.full(3, 0.6)
    still, ramp = (grey, grey), [(grey, grey + 0.1 * i) for i in range(3)]
    assert flicker(still, (grey, brighter), still) == pytest.approx((0.2, 0), abs=1e-9)
    assert flicker(*ramp) == pytest.approx((0, 0), abs=1e-9)
    assert flicker(still, (brighter, brighter), still) == pytest.approx((0, 0), abs=1e-9)
    red = np.array([0.6, 0.5, 0.5])
    brightness, colour = flicker(still, (grey, red), still)
    assert brightness == pytest.approx(0.2 * 0.299)
    assert colour == pytest.approx(2 * np.hypot(0.1 * 0.701, 0.1 * 0.299))


def test_meter_flicker_needs_three_frames_and_skips_cuts() -> None:
    still, other = texture(72, 128, 4), texture(72, 128, 99)
    bright = (still // 2 + 100).astype(np.uint8)
    meter = Meter()
    seen = [meter.step(still, result).brightness_flicker for result in (still, bright, still)]
    assert seen[:2] == [None, None]
    assert seen[2] is not None
    assert seen[2] > 0.01
    after_cut = meter.step(other, other)
    assert after_cut.warp_error is None
    assert after_cut.brightness_flicker is None


def test_edges_of_a_blurred_and_of_an_equal_result() -> None:
    source = texture(120, 160, 5)[..., 1].copy()
    assert edge_share(source, source) == pytest.approx(1)
    assert edge_share(source, source // 2) == pytest.approx(0.5, rel=0.02)
    blurred = edge_share(source, np.asarray(cv2.GaussianBlur(source, (0, 0), 3), np.uint8))
    assert blurred is not None
    assert blurred < 0.7
    assert edge_share(np.full((9, 9), 7, np.uint8), source[:9, :9]) is None


def test_change_is_the_mean_absolute_difference() -> None:
    source = np.full((40, 50, 3), 100, np.uint8)
    assert measure([source], [source + np.uint8(51)]).change == pytest.approx(0.2)


def test_sizes_must_agree() -> None:
    with pytest.raises(UsageError, match="50x40, 60x40"):
        Meter().step(np.zeros((40, 50, 3), np.uint8), np.zeros((40, 60, 3), np.uint8))
