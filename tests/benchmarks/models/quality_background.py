"""How well a background is kept: what changes in pictures outside of the masks of their objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgtool.pictures import Image
from cgtool.training.data.images import find_domain, load_rgb, spread_paths
from cgtool.training.data.masks import find_masks, load_mask
from cgtool.training.judge.measures import Figure, bootstrap, mean

PICTURES = 60
"""Of each domain; evenly spread, so that all models are measured on the same."""


@dataclass(frozen=True)
class Masked:
    """Pictures of one domain, RGB, uint8, and how much of each pixel is background, 0 to 1, (height, width)."""

    pictures: list[Image]
    backgrounds: list[NDArray[np.float64]]

    def change(self, translate: Callable[[Image], Image]) -> Figure:
        """Mean absolute change of the background in levels, 0 to 255, and its 95% interval over the pictures."""
        pairs = zip(self.pictures, self.backgrounds, strict=True)
        changes = [background_change(picture, translate(picture), weights) for picture, weights in pairs]
        return bootstrap(mean(np.array(changes)), len(changes))


def background_change(source: Image, translated: Image, background: NDArray[np.float64]) -> float:
    """Mean |change| of a picture's channels, in levels, where each pixel counts as much as it is background."""
    change = np.abs(translated.astype(np.float64) - source).mean(2)
    return float((change * background).sum() / background.sum())


def masked_pictures(folder: Path) -> Masked | None:
    """The sample of a domain's training pictures; None if ``maskX`` beside ``trainX`` tells nothing of any.

    Args:
        folder: ``trainA`` or ``trainB``.
    """
    if not folder.with_name(folder.name.replace("train", "mask")).is_dir():
        return None
    masks = find_masks(find_domain(folder.name, folder, 2), 2)
    pictures, backgrounds = [], []
    for path in spread_paths(masks.telling, PICTURES):
        picture = load_rgb(path)
        pictures.append(np.asarray(picture))
        backgrounds.append(1 - np.asarray(load_mask(masks.files[path], picture.size)) / 255)
    return Masked(pictures, backgrounds) if pictures else None
