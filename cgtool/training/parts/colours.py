"""Colours that a translation makes up: more colourful than the source is nearby, and than the target's images are.

Colourfulness is the range of red, green and blue, 0 to 2 for an image in [-1, 1]. A palette says, for each luma, what
95 of 100 pixels of a domain's images stay below.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transforms

from cgtool.models.layers import accurate
from cgtool.pictures import LUMA

_BANDS = 25
_SHARE = 0.95
_NEARBY = 9
"""Side of the neighbourhood in which the source may have a colour, px."""


def palette(pictures: Iterable[Image.Image]) -> Tensor:
    """The palette of pictures in mode RGB: shape (25,), from black to white."""
    images = [transforms.pil_to_tensor(picture)[None].to(torch.get_default_dtype()) / 127.5 - 1 for picture in pictures]
    bands = torch.cat([_band(image).round().long().flatten() for image in images])
    colours = torch.cat([_colourfulness(image).flatten() for image in images])
    of_bands = [colours[bands == band] for band in range(_BANDS)]
    return torch.stack([some.sort().values[int(_SHARE * len(some))] if len(some) else some.sum() for some in of_bands])


def invented(source: Tensor, result: Tensor, palette: Tensor) -> Tensor:
    """How much more colourful a result is than the source nearby and the target's palette; mean over pixels.

    Args:
        source: RGB in [-1, 1], (batch, 3, height, width).
        result: Its translation, of the same shape.
        palette: Of the target's domain.

    Returns:
        0-dimensional; only the result's colourfulness has a gradient, not its luma.
    """
    source, result = accurate(source), accurate(result).clamp(-1, 1)
    nearby = F.max_pool2d(_colourfulness(source), _NEARBY, stride=1, padding=_NEARBY // 2)
    band = _band(result.detach())
    below = band.long().clamp(max=_BANDS - 2)
    usual = torch.lerp(palette[below], palette[below + 1], band - below)
    return F.relu(_colourfulness(result) - torch.maximum(nearby, usual)).mean()


def _colourfulness(image: Tensor) -> Tensor:
    return image.amax(1, keepdim=True) - image.amin(1, keepdim=True)


def _band(image: Tensor) -> Tensor:
    """Luma, as a place among the bands: 0 to 24, not rounded."""
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    luma = (image * weights).sum(1, keepdim=True)
    return ((luma + 1) / 2 * (_BANDS - 1)).clamp(0, _BANDS - 1)
