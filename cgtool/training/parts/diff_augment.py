"""A discriminator must not learn a few hundred images by heart (DiffAugment, Zhao et al. 2020).

Real images and fakes are varied alike before they are judged, and gradients pass through: moved by up to an eighth of
the side, and a square of half the side made gray. Colours are left alone: light and tint are what seasons differ in.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_MOVED, _CUT = 1 / 8, 1 / 2


def diff_augment(images: Tensor) -> Tensor:
    """Vary images in [-1, 1], (batch, channels, height, width); draws from torch's global CPU state."""
    height, width = images.shape[2:]
    down, across = round(_MOVED * height), round(_MOVED * width)
    cut_height, cut_width = round(_CUT * height), round(_CUT * width)
    moved = F.pad(images, [across, across, down, down])
    varied = []
    for image in moved:
        top, left = _draw(2 * down + 1), _draw(2 * across + 1)
        kept = torch.ones(1, height, width, device=images.device)
        row, column = _draw(height + cut_height) - cut_height, _draw(width + cut_width) - cut_width
        kept[:, max(row, 0) : row + cut_height, max(column, 0) : column + cut_width] = 0
        varied.append(image[:, top : top + height, left : left + width] * kept)
    return torch.stack(varied)


def _draw(count: int) -> int:
    return int(torch.randint(count, ()))
