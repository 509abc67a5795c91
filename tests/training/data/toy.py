"""Pairs of small domains: shapes that are red in one and blue in the other, on the same kinds of background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cgtool.tasks.train import TrainRequest
from cgtool.training.config import TrainConfig
from cgtool.training.presets import resolve

RED, BLUE = (210, 50, 60), (50, 80, 220)

TINY: dict[str, Any] = {
    "generator": "resnet6", "ngf": 4, "ndf": 4, "n_layers": 2, "load_size": 36, "crop_size": 32, "ema": 0.9,
    "precision": "fp32", "device": "cpu", "pool_size": 4,
}  # fmt: skip
"""Options with which a step takes a hundredth of a second."""


def tiny_config(**overrides: object) -> TrainConfig:
    return resolve("paper", {**TINY, "steps": 20, **overrides})


def tiny_request(root: Path, data: Path, name: str = "toy", **options: object) -> TrainRequest:
    """A training of what `write_domains` wrote, whose run and model go below ``root``."""
    return TrainRequest(
        name=name,
        domains=("red", "blue"),
        folders=(data / "trainA", data / "trainB"),
        config=tiny_config(**options),
        runs_dir=root / "runs",
        engines_dir=root / "engines",
        workers=0,
    )


def shapes(seed: int, color: tuple[int, int, int], side: int = 40) -> NDArray[np.uint8]:
    """One image, RGB uint8 (side, side, 3): a disc and a box of one colour; all but the colour comes from the seed."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), (140, 140, 140))
    draw = ImageDraw.Draw(image)
    for draw_shape in (draw.ellipse, draw.rectangle):
        x, y = rng.integers(2, side - 16, size=2).tolist()
        size = int(rng.integers(9, 14))
        draw_shape((x, y, x + size, y + size), fill=color)
    return np.asarray(image)


def write_domains(root: Path, count: int = 6, side: int = 40) -> Path:
    """Write trainA (red) and trainB (blue) of ``count`` unpaired images each, testA of 2, testB of 1."""
    for folder, color, seeds in (
        ("trainA", RED, range(count)),
        ("trainB", BLUE, range(1000, 1000 + count)),
        ("testA", RED, range(2000, 2002)),
        ("testB", BLUE, range(3000, 3001)),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            Image.fromarray(shapes(seed, color, side)).save(root / folder / f"{seed:05d}.png")
    return root
