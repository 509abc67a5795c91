"""Which frames a network sees, and what becomes of the maps between."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.flow import Flow
from cgtool.change.keyframes import MOST_FRAMES, Carrier, KeyFrames, Step
from cgtool.config import Every
from tests.change.scenes import pan, texture

Image = NDArray[np.uint8]


def asked(frames: list[Image], every: Every) -> list[int]:
    key_frames = KeyFrames(every)
    return [number for number, frame in enumerate(frames) if key_frames.step(frame).asked]


def test_every_third_frame() -> None:
    assert asked(pan(10, 96, 160, 1), 3) == [0, 3, 6, 9]
    assert asked(pan(4, 96, 160, 1), 1) == [0, 1, 2, 3]


@pytest.mark.parametrize("every", [5, "auto"])
def test_a_cut_is_seen_at_once(every: Every) -> None:
    frames = pan(3, 96, 160, 1, seed=1) + pan(3, 96, 160, 1, seed=9)
    assert asked(frames, every) == [0, 3]


def test_a_still_picture_is_seen_once() -> None:
    frame = texture(96, 160, 1)
    assert asked([frame] * 12, "auto") == [0]


def test_motion_is_seen_more_often_than_rest() -> None:
    calm, wild = asked(pan(24, 96, 160, 1), "auto"), asked(pan(24, 96, 160, 9), "auto")
    assert len(calm) < len(wild) < 24
    assert max(np.diff(calm)) <= MOST_FRAMES


def test_maps_go_where_things_go() -> None:
    """All moves to the right by two cells of four pixels."""
    flow: Flow = np.zeros((32, 64, 2), np.float32)
    flow[..., 0] = -8
    maps = np.random.default_rng(0).normal(0, 1, (7, 8, 16)).astype(np.float32)
    carrier = Carrier()
    assert carrier.step(maps, Step(asked=True)) is maps
    moved = carrier.step(None, Step(False, flow))
    assert np.allclose(moved[:, :, 2:], maps[:, :, :-2], atol=1e-5)
    again = carrier.step(None, Step(asked=False))
    assert again is moved, "nothing moved"


def test_something_has_to_be_carried() -> None:
    with pytest.raises(ValueError, match="first frame"):
        Carrier().step(None, Step(asked=False))
