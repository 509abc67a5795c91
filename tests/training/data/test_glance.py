"""Copies are known by their prints."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from cgtool.training.data.glance import glance_at, twins


def picture(seed: int, side: int = 96) -> Image.Image:
    """Something with large and small detail."""
    cells = np.random.default_rng(seed).integers(0, 255, (7, 7, 3)).astype(np.uint8)
    return Image.fromarray(cells).resize((side, side), Image.Resampling.BICUBIC)


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def test_a_copy_of_another_size_and_quality_is_a_twin_and_nothing_else_is() -> None:
    copies = [picture(3).resize((61, 61)), as_jpeg(picture(5), 30), picture(7).convert("L").convert("RGB")]
    images = [*(picture(seed) for seed in range(300)), *copies]
    glances = [glance_at(image, "RGB") for image in images]
    assert sorted(twins(glances)) == [(3, 300), (5, 301), (7, 302)]


def test_a_mirrored_picture_is_another() -> None:
    image = picture(1)
    assert twins([glance_at(one, "RGB") for one in (image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))]) == []


def test_pictures_without_detail_are_nobodys_twins() -> None:
    plain = [Image.new("RGB", (40, 40), color) for color in ("black", "white", "black")]
    assert twins([glance_at(image, "RGB") for image in plain]) == []
    assert twins([]) == []


def test_size_and_mode_are_told() -> None:
    glance = glance_at(Image.new("RGB", (40, 30)), "I;16")
    assert (glance.width, glance.height, glance.mode) == (40, 30, "I;16")
