"""How even maps are, and how even a change is where the picture is even."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from cgtool.models.layers import accurate

_FLAT = 0.06
"""Difference of neighbouring pixels, 8 levels, at which an image is no longer flat."""


def total_variation(maps: Tensor) -> Tensor:
    """Mean absolute difference of maps from cell to cell, across and down together: 0 for even maps."""
    maps = accurate(maps)
    return (maps[..., 1:] - maps[..., :-1]).abs().mean() + (maps[..., 1:, :] - maps[..., :-1, :]).abs().mean()


def unevenness(image: Tensor, result: Tensor) -> Tensor:
    """How much a change varies where the image itself does not: 0 for a change without rims.

    Both are seen at half the size, which quiets noise. A pixel counts the less the more the image varies within a pixel
    of it: an edge may part two changes, but what lies beside it, and is even, is to change evenly.

    Args:
        image: RGB in [-1, 1], (batch, 3, height, width), both sides even.
        result: What is shown instead, of the same shape.

    Returns:
        0-dimensional.
    """
    image = F.avg_pool2d(accurate(image), 2)
    change = F.avg_pool2d(accurate(result).clamp(-1, 1), 2) - image
    edges = F.max_pool2d(_variation(image).amax(1, keepdim=True), 3, stride=1, padding=1)
    return (_variation(change) * torch.exp(-((edges / _FLAT) ** 2))).mean()


def _variation(image: Tensor) -> Tensor:
    """The larger of the absolute differences from the pixels at the left and above."""
    across, down = image[..., 1:, 1:] - image[..., 1:, :-1], image[..., 1:, 1:] - image[..., :-1, 1:]
    return torch.maximum(across.abs(), down.abs())
