"""Synthetic motion on still photographs: what a translation must follow (temporal consistency without video).

The translation of a moved picture should be the moved translation. Training on that steadies the network itself, before
any smoothing (Eilertsen et al., "Single-frame regularization for temporally stable CNNs", 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cgtool.models.layers import accurate

_ZOOM = 0.06
_TURN = math.radians(2)
_PAN = 6.0
_BEND = 1.5
"""Pixels; the standard deviation of a smooth flow's knots, which lie `_KNOT_DISTANCE` apart."""
_KNOT_DISTANCE = 32
_EXPOSURE = 0.06
_NOISE = 2 / 127.5
"""Standard deviation of a camera's noise, two levels, in the networks' range of [-1, 1]."""


@dataclass(frozen=True)
class Motion:
    """One motion for each picture of a batch.

    Attributes:
        grid: Where each pixel comes from, as `torch.nn.functional.grid_sample` takes it: (batch, height, width, 2).
        inside: 1 where that lies in the picture, else 0: (batch, 1, height, width).
        exposure: Factor of the light, (batch, 1, 1, 1).
    """

    grid: Tensor
    inside: Tensor
    exposure: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """The moved and re-exposed images: (batch, channels, height, width) in [-1, 1], unclamped."""
        moved = F.grid_sample(
            accurate(images), self.grid, mode="bicubic", padding_mode="reflection", align_corners=False
        )
        return (moved + 1) * self.exposure - 1

    def error(self, still: Tensor, moved: Tensor) -> Tensor:
        """Mean absolute difference of the moved translation and the translation of the moved, where both are known.

        Args:
            still: Translations of the images before they moved, (batch, 3, height, width).
            moved: Translations of what ``self(images)`` gave.
        """
        # What is brighter than white can't be shown: a bright place under more light is no inconsistency.
        difference = (self(still).clamp(-1, 1) - accurate(moved).clamp(-1, 1)).abs() * self.inside
        seen = self.inside.sum((1, 2, 3)) * still.shape[1]
        return (difference.sum((1, 2, 3)) / seen.clamp(min=1)).mean()


def random_motion(images: Tensor) -> Motion:
    """Draw a zoom, a turn, a pan, a smooth bend and a change of exposure for each image, from torch's global CPU state.

    Args:
        images: (batch, channels, height, width); only shape and device are used.
    """
    batch, _, height, width = images.shape
    zoom, turn, exposure, pan_x, pan_y = (torch.rand(5, batch) * 2 - 1).unbind()
    zoom, turn = 1 + _ZOOM * zoom, _TURN * turn
    cos, sin, aspect = zoom * turn.cos(), zoom * turn.sin(), height / width
    theta = torch.stack(
        [
            torch.stack([cos, -sin * aspect, pan_x * 2 * _PAN / width], 1),
            torch.stack([sin / aspect, cos, pan_y * 2 * _PAN / height], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [batch, 1, height, width], align_corners=False)
    knots = [max(2, -(-side // _KNOT_DISTANCE)) for side in (height, width)]
    bend = torch.randn(batch, 2, *knots) * _BEND * torch.tensor([2 / width, 2 / height]).view(1, 2, 1, 1)
    grid = grid + F.interpolate(bend, (height, width), mode="bicubic").permute(0, 2, 3, 1)
    inside = (grid.abs() <= 1).all(3).to(grid.dtype).unsqueeze(1)
    exposure = (1 + _EXPOSURE * exposure).view(batch, 1, 1, 1)
    return Motion(grid.to(images.device), inside.to(images.device), exposure.to(images.device))


def with_noise(images: Tensor) -> Tensor:
    """Images as a camera would see them once more: another noise, clamped to [-1, 1]."""
    noise = torch.randn(images.shape) * _NOISE
    return (images + noise.to(images.device)).clamp(-1, 1)
