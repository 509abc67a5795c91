"""Masks of objects, which travel beside their images as a fourth channel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def split_mask(images: Tensor) -> tuple[Tensor, Tensor | None]:
    """RGB in [-1, 1], and the mask, 0 to 1, that `cgtool.training.data.batches` may have put beside it."""
    return images[:, :3], (images[:, 3:] + 1) / 2 if images.shape[1] > 3 else None


def on_plain_ground(images: Tensor, mask: Tensor | None) -> Tensor:
    """The objects alone, each image's on a colour of its own, drawn by torch; without masks the images as they are.

    On one known colour a generator could paint what a wide mask leaves around an object in it, and nobody would see.
    """
    if mask is None:
        return images
    ground = torch.rand(len(images), 3, 1, 1, device=images.device, dtype=images.dtype) * 2 - 1
    return torch.lerp(ground, images, mask)


def missed(logits: Tensor, mask: Tensor) -> Tensor:
    """How badly cells are taken for objects: binary cross-entropy against each cell's share of the mask.

    Args:
        logits: (batch, 1, h, w).
        mask: 0 to 1, (batch, 1, height, width), both sides multiples of the cells'.
    """
    return F.binary_cross_entropy_with_logits(logits, F.adaptive_avg_pool2d(mask, (logits.shape[2], logits.shape[3])))
