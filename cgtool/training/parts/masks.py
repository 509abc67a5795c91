"""Masks of objects, which travel beside their images as a fourth channel."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def split_mask(images: Tensor) -> tuple[Tensor, Tensor | None]:
    """RGB in [-1, 1], and the mask, 0 to 1, that `cgtool.training.data.batches` may have put beside it."""
    return images[:, :3], (images[:, 3:] + 1) / 2 if images.shape[1] > 3 else None


def on_plain_ground(images: Tensor, mask: Tensor | None) -> Tensor:
    """The objects alone, on gray, which is 0; without masks the images as they are."""
    return images if mask is None else images * mask


def missed(logits: Tensor, mask: Tensor) -> Tensor:
    """How badly cells are taken for objects: binary cross-entropy against each cell's share of the mask.

    Args:
        logits: (batch, 1, h, w).
        mask: 0 to 1, (batch, 1, height, width), both sides multiples of the cells'.
    """
    return F.binary_cross_entropy_with_logits(logits, F.adaptive_avg_pool2d(mask, (logits.shape[2], logits.shape[3])))
