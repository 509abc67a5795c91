from __future__ import annotations

import cv2
import numpy as np
import pytest

from cgtool.pictures import LUMA, Size, luma, reduced, resize

PICTURE = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)


def test_size_is_width_by_height() -> None:
    size = Size.of(PICTURE)
    assert size == (50, 30) == Size(width=50, height=30)
    assert str(size) == f"{size}" == "50x30"
    assert (size.short, size.pixels) == (30, 1500)
    assert Size.of(PICTURE[..., 0]) == size
    assert Size(30, 50).short == 30


def test_luma_is_weighted_as_declared_and_rounded() -> None:
    assert luma(PICTURE).shape == (30, 50)
    assert luma(PICTURE).dtype == np.uint8
    assert np.abs(luma(PICTURE) - PICTURE @ np.array(LUMA)).max() <= 0.51
    assert sum(LUMA) == pytest.approx(1)
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    assert np.array_equal(luma(grey)[:, 0], np.arange(256))


def test_resize_takes_area_down_bicubic_up_and_nothing_where_nothing_changes() -> None:
    assert resize(PICTURE, Size(50, 30)) is PICTURE
    down = resize(PICTURE, Size(25, 15))
    blocks = PICTURE.reshape(15, 2, 25, 2, 3).mean(axis=(1, 3))
    assert np.abs(down - blocks).max() <= 0.51
    up = resize(PICTURE, Size(100, 60))
    assert np.array_equal(up, cv2.resize(PICTURE, (100, 60), interpolation=cv2.INTER_CUBIC))
    assert resize(PICTURE[..., 0], Size(10, 70)).shape == (70, 10)
    assert down.dtype == up.dtype == np.uint8


def test_reduced_keeps_small_pictures_and_the_aspect() -> None:
    small = np.zeros((100, 60, 3), np.uint8)
    assert reduced(small, 60) is small
    assert reduced(small, 100) is small
    assert reduced(np.zeros((1920, 1080, 3), np.uint8), 288).shape == (512, 288, 3)
    assert reduced(np.zeros((4000, 10), np.uint8), 1).shape == (400, 1)
    assert reduced(np.zeros((1, 4000), np.uint8), 1).shape == (1, 4000)
