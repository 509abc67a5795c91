"""Letters through a shipped picture network, as `cgtool.convert` shows them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import cgtool
from cgtool.media.images import StillImage, read_image, write_image
from cgtool.pictures import Image


def written(ground: Image, level: int) -> Image:
    """With two words on it."""
    picture: Image = ground.copy()
    place = (ground.shape[1] // 4, ground.shape[0] // 2)
    return np.asarray(
        cv2.putText(picture, "A short film", place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, (level,) * 3, 2), np.uint8
    )


def shown(picture: Image, folder: Path) -> Image:
    source, target = folder / "source.png", folder / "shown.png"
    write_image(source, StillImage(picture))
    [result] = cgtool.convert(source, to="monet", model="photo2monet", output=target, overwrite=True)
    assert result.status == "converted"
    return read_image(target).pixels


@pytest.mark.parametrize(("ground", "letters"), [(0, 255), (255, 0)])
def test_a_title_keeps_its_contrast(ground: int, letters: int, tmp_path: Path) -> None:
    title = written(np.full((270, 480, 3), ground, np.uint8), letters)
    result = shown(title, tmp_path).astype(float)
    inside, outside = result[title[..., 0] == letters], result[title[..., 0] == ground]
    assert abs(inside.mean() - outside.mean()) >= 0.9 * 255


def test_a_caption_leaves_the_rest_of_a_dark_scene_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 60, (9, 16, 3)).astype(np.uint8)
    dark = np.asarray(cv2.resize(noise, (480, 270), interpolation=cv2.INTER_CUBIC), np.uint8)
    captioned = written(dark, 255)
    same = (captioned == dark).all(-1)
    apart = np.abs(shown(captioned, tmp_path).astype(float) - shown(dark, tmp_path))[same]
    assert apart.mean() < 8
    assert shown(captioned, tmp_path)[captioned[..., 0] == 255].mean() > 240
