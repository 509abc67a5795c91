"""Invented colours: none where the source or the target is as colourful."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cgtool.training.data.images import find_domain, spread
from cgtool.training.parts.colours import invented, palette
from tests.training.data.toy import write_domains


def plain(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, 16, 16).clone()


def picture(image: Tensor) -> Image.Image:
    return Image.fromarray(((image[0].permute(1, 2, 0) + 1) * 127.5).round().numpy().astype(np.uint8))


def test_gray_is_never_invented() -> None:
    grays = palette([picture(plain(-0.5, -0.5, -0.5)), picture(plain(0.5, 0.5, 0.5))])
    assert invented(plain(0, 0, 0), plain(0.5, 0.5, 0.5), grays) == 0


def test_a_colour_is_invented_unless_the_source_or_the_target_has_it() -> None:
    red, gray = plain(0.5, -0.5, -0.5), plain(-0.2, -0.2, -0.2)
    reds, grays = palette([picture(red)]), palette([picture(gray)])
    assert invented(gray, red, grays) > 0.5
    assert invented(red, red, grays) == 0
    assert invented(gray, red, reds) < 0.5  # its band, and what is between the bands, is allowed
    source = gray.clone()
    source[..., 8, 8] = red[..., 8, 8]
    near = invented(source, red, grays) * 256
    assert near < invented(gray, red, grays) * 256 - 70  # 9 x 9 pixels may be red


def test_a_palette_is_read_off_a_domains_images(tmp_path: Path) -> None:
    domain = find_domain("red", write_domains(tmp_path) / "trainA", 1)
    usual = palette(spread(domain, 100, 128))
    assert usual.shape == (25,)
    assert usual.max() > 0.5
