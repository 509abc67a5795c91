from __future__ import annotations

import resource
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.measures import Meter
from cgtool.change.smoothing import Smoother
from tests.change.scenes import Image, crossing, flickering, pan, recoloured, texture


def smoothed(sources: Sequence[Image], results: Sequence[Image], smooth: float = 0.8, fps: float = 25) -> list[Image]:
    smoother = Smoother(smooth)
    return [smoother.step(*pair, i / fps) for i, pair in enumerate(zip(sources, results, strict=True))]


def distance(first: Image, second: Image) -> NDArray[np.int64]:
    return np.asarray(np.abs(first.astype(np.int64) - second).max(axis=-1))


def test_smooth_0_is_the_input_bit_for_bit() -> None:
    sources = pan(4, 90, 120, step=3)
    results = [flickering(frame, seed=i) for i, frame in enumerate(sources)]
    assert all(a is b for a, b in zip(smoothed(sources, results, smooth=0), results, strict=True))


def test_noise_and_pumping_are_damped() -> None:
    sources = pan(24, 144, 256, step=3)
    results = [flickering(frame, seed=i) for i, frame in enumerate(sources)]
    raw, steady = Meter(), Meter()
    for source, result, smooth in zip(sources, results, smoothed(sources, results), strict=True):
        raw.step(source, result)
        steady.step(source, smooth)
    before, after = raw.summary(), steady.summary()
    assert before.warp_error is not None
    assert after.warp_error is not None
    assert after.warp_error < 0.25 * before.warp_error
    assert before.brightness_flicker is not None
    assert after.brightness_flicker is not None
    assert after.brightness_flicker < before.brightness_flicker / 3
    assert before.colour_flicker is not None
    assert after.colour_flicker is not None
    assert after.colour_flicker < before.colour_flicker / 3


def test_smooth_is_monotonic() -> None:
    sources = pan(12, 90, 160, step=2)
    results = [flickering(frame, seed=i, pumping=0) for i, frame in enumerate(sources)]
    clean = recoloured(sources[-1])
    errors = [float(distance(smoothed(sources, results, s)[-1], clean).mean()) for s in (0, 0.3, 0.8)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize(("step", "radius"), [(10, 40), (25, 40)])
def test_an_object_crossing_leaves_no_trail(step: int, radius: int) -> None:
    sources, covered = crossing(16, 200, 320, step, radius)
    results = [recoloured(frame) for frame in sources]
    for i, steady in enumerate(smoothed(sources, results)):
        if i >= 3:
            left = covered[i - 3] & ~covered[i - 2] & ~covered[i - 1] & ~covered[i]
            assert distance(steady, results[i])[left].max(initial=0) <= 4


@pytest.mark.parametrize("step", [3, 20])
def test_a_pan_leaves_no_trail_and_stays_sharp(step: int) -> None:
    sources = pan(12, 200, 320, step)
    results = [recoloured(frame) for frame in sources]
    for steady, result in zip(smoothed(sources, results), results, strict=True):
        assert np.quantile(distance(steady, result), 0.9999) <= 4
    sharpness = [cv2.Laplacian(frame, cv2.CV_32F).std() for frame in (smoothed(sources, results)[-1], results[-1])]
    assert sharpness[0] > 0.97 * sharpness[1]


def test_a_hard_cut_leaves_no_trace() -> None:
    before, after = pan(8, 144, 256, step=2, seed=1), pan(4, 144, 256, step=2, seed=31)
    results = [flickering(frame, seed=i) for i, frame in enumerate(before + after)]
    both = smoothed(before + after, results)
    assert np.array_equal(both[8], results[8])
    fresh = smoothed(after, results[8:])
    assert all(np.array_equal(a, b) for a, b in zip(both[8:], fresh, strict=True))


def test_duplicates_repeat_what_was_shown_and_keep_the_history() -> None:
    sources = pan(6, 90, 160, step=2)
    results = [flickering(frame, seed=i) for i, frame in enumerate(sources)]
    smoother = Smoother(0.8)
    for i in range(5):
        shown = smoother.step(sources[i], results[i], i / 25)
        again = smoother.step(sources[i].copy(), results[i], i / 25 + 0.02)
    assert np.array_equal(shown, again)
    after_freeze = smoother.step(sources[5], results[5], 4 / 25 + 0.02 + 0.04)
    assert distance(after_freeze, results[5]).mean() > 2, "a repeated frame must not make the history stale"


def test_blending_follows_elapsed_time() -> None:
    random = np.random.default_rng(0)
    sources = pan(2, 90, 160, step=1)
    sources[1] = sources[0] ^ random.integers(0, 2, sources[0].shape, np.uint8)
    clean = recoloured(sources[0])
    noise = random.integers(-9, 10, clean.shape)
    results = [clean, (clean.clip(9, 246) + noise).astype(np.uint8)]

    def kept(elapsed: float) -> float:
        """Share of the noise that the history took away."""
        smoother = Smoother(0.8)
        smoother.step(sources[0], results[0], 1.0)
        removed = results[1].astype(np.int64) - smoother.step(sources[1], results[1], 1.0 + elapsed)
        return float(np.sum(removed * noise) / np.sum(noise**2))

    assert kept(1 / 100) > kept(1 / 25) > kept(1 / 5) > kept(1)
    assert kept(1 / 25) > 0.6
    assert kept(60) == pytest.approx(0, abs=0.01)
    assert np.isfinite(kept(-1)), "timestamps that run backwards are no reason to fail"


def test_a_lasting_change_is_followed_at_the_same_pace_at_any_frame_rate() -> None:
    sources = pan(51, 72, 128, step=1, seed=4)
    dark = [recoloured(frame).clip(0, 200) for frame in sources]
    left = {}
    for fps in (10, 50):
        smoother = Smoother(0.8)
        smoother.step(sources[0], dark[0], 0)
        for i in range(1, fps + 1):
            shown = smoother.step(sources[i], dark[i] + np.uint8(10), i / fps)
        left[fps] = float((dark[fps] + 10.0 - shown).mean())
    assert left[10] == pytest.approx(left[50], abs=0.75)
    assert left[50] == pytest.approx(10 * np.exp(-1 / 1.6), abs=1)


def test_light_that_changes_in_the_source_is_followed_at_once() -> None:
    sources = [frame.clip(0, 200) for frame in pan(8, 90, 160, step=2)]
    sources[4:] = [frame + np.uint8(12) for frame in sources[4:]]
    results = [recoloured(frame) for frame in sources]
    for steady, result in zip(smoothed(sources, results), results, strict=True):
        assert abs(float(steady.mean()) - float(result.mean())) < 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 5), (16, 16), (33, 17), (4, 200), (301, 401)])
def test_any_size(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    sources = [random.integers(100, 110, (*shape, 3), np.uint8) for _ in range(3)]
    results = [random.integers(0, 256, (*shape, 3), np.uint8) for _ in range(3)]
    for shown, result in zip(smoothed(sources, results), results, strict=True):
        assert shown.shape == result.shape
        assert shown.dtype == np.uint8


def test_a_change_of_size_starts_anew() -> None:
    smoother = Smoother(0.8)
    small, large = texture(40, 60, 1), texture(50, 60, 1)
    smoother.step(small, small, 0)
    assert smoother.step(large, large, 0.04) is large


def test_memory_is_constant() -> None:
    sources = pan(40, 48, 64, step=1)
    results = [flickering(frame, seed=i) for i, frame in enumerate(sources)]
    smoother = Smoother(0.8)

    def run(frames: range) -> None:
        for i in frames:
            smoother.step(sources[i % 40], results[i % 40], i / 25)

    run(range(200))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(range(200, 2200))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2048, f"peak memory grew by {grown} KiB over 2,000 frames of 9 KiB"


@pytest.mark.parametrize("frames", [0, 1, 6])
def test_who_is_given_the_state_goes_on_alike(frames: int) -> None:
    sources = pan(12, 90, 120, step=3)
    results = [flickering(frame, seed=i) for i, frame in enumerate(sources)]
    whole, first, second = smoothed(sources, results), Smoother(0.8), Smoother(0.8)
    for i in range(frames):
        first.step(sources[i], results[i], i / 25)
    second.restore(first.state())
    for i in range(frames, 12):
        assert np.array_equal(second.step(sources[i], results[i], i / 25), whole[i])
