"""Grids of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cgtool.models.generator import Generator
from cgtool.training.files.samples import Sampler
from tests.training.data.toy import tiny_config, write_domains


class Same(Generator):
    """Leaves a picture as it is."""

    def forward(self, image: Tensor) -> Tensor:
        return image


class Inverse(Generator):
    """Gives the half of a change that only ``picture`` makes whole."""

    def forward(self, image: Tensor) -> Tensor:
        return -2 * image

    def picture(self, image: Tensor, output: Tensor) -> Tensor:
        return image + output


def sampler(root: Path) -> Sampler:
    data = write_domains(root)
    paths = [sorted((data / f"test{letter}").iterdir()) for letter in "AB"]
    return Sampler(("red", "blue"), (paths[0], paths[1]), tiny_config(), 4, torch.device("cpu"))


def test_with_an_identity_in_the_generators_place_all_columns_show_the_same_image(tmp_path: Path) -> None:
    grid = sampler(tmp_path).grid({"A_to_B": Same(), "B_to_A": Same()})
    side = 3 * 36
    first = grid[20 : 20 + side, :side]
    assert np.ptp(first) > 100
    for column in range(1, 4):
        left = column * (side + 6)
        assert np.array_equal(grid[20 : 20 + side, left : left + side], first)


def test_the_picture_that_an_output_means_is_shown(tmp_path: Path) -> None:
    grid = sampler(tmp_path).grid({"A_to_B": Inverse(), "B_to_A": Inverse()})
    side = 3 * 36
    real, fake, again = (grid[20 : 20 + side, k * (side + 6) : k * (side + 6) + side].astype(int) for k in range(3))
    assert np.abs(real + fake - 255).max() <= 1
    assert np.abs(real - again).max() <= 1


def test_a_grid_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "samples" / "step_00000001.jpg"
    grid = sampler(tmp_path).write(path, {"A_to_B": Same(), "B_to_A": Same()})
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", (grid.shape[1], grid.shape[0]))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
