from __future__ import annotations

import numpy as np
import pytest

from cgtool.change.flow import FlowEstimator, at_boundary, consistent, warp
from cgtool.pictures import luma
from tests.change.scenes import crossing, pan


@pytest.mark.parametrize("step", [2, 9])
def test_flow_of_a_pan_is_its_step(step: int) -> None:
    first, second = (luma(frame) for frame in pan(2, 144, 256, step))
    flow, seen = FlowEstimator("fast").between(second, first)
    inner = flow[:, : -step - 8]
    assert np.median(np.abs(inner[..., 0] - step)) < 0.1
    assert np.median(np.abs(inner[..., 1])) < 0.1
    assert seen[:, : -step - 8].mean() > 0.95
    assert not seen[:, -step:].any(), "what just entered the frame has no match"


def test_occlusion_is_found() -> None:
    frames, covered = crossing(12, 144, 256, step=8, radius=24)
    _, seen = FlowEstimator("medium").between(luma(frames[11]), luma(frames[10]))
    uncovered = covered[10] & ~covered[11]
    assert seen[uncovered].mean() < 0.6
    assert seen[~covered[10] & ~covered[11]].mean() > 0.9


def test_inconsistent_and_abrupt_flows_are_refused() -> None:
    flow = np.zeros((20, 20, 2), np.float32)
    assert consistent(flow, flow).all()
    assert not consistent(flow, flow + 3).any()
    assert not at_boundary(flow).any()
    flow[:, 10:, 0] = 4
    assert at_boundary(flow)[:, 9:11].all()
    assert not at_boundary(flow)[:, :8].any()


def test_warp_by_whole_pixels_is_a_copy() -> None:
    image = np.random.default_rng(0).random((12, 15, 3)).astype(np.float32)
    flow = np.zeros((12, 15, 2), np.float32)
    flow[...] = 3, -2
    assert np.array_equal(warp(image, flow)[2:, :-3], image[:-2, 3:])


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 7), (15, 16), (17, 33)])
@pytest.mark.parametrize("preset", ["fast", "medium"])
def test_any_size(shape: tuple[int, int], preset: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    flow, seen = FlowEstimator("fast" if preset == "fast" else "medium").between(image, image)
    assert flow.shape == (*shape, 2)
    assert seen.shape == shape
    assert np.isfinite(flow).all()
