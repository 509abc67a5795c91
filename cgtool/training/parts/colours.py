"""Colours that a translation makes up: more colourful than the source is nearby, and than the target's images are.

Colourfulness is the range of red, green and blue, 0 to 2 for an image in [-1, 1]. A palette says, for each luma, what
95 of 100 pixels of a domain's images stay below: (25,), from black to white.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cgtool.models.layers import accurate
from cgtool.pictures import LUMA
from cgtool.training.data.images import Domain, load_rgb, scale_to
from cgtool.training.parts.layout import normalize

_BANDS = 25
_SHARE = 0.95
_NEARBY = 9
"""Side of the neighbourhood in which the source may have a colour, px."""
_IMAGES, _SIDE = 100, 128


def palette_of(domain: Domain) -> Tensor:
    """A domain's palette, from up to 100 of its images, evenly spread.

    Raises:
        MediaError: An image can't be decoded any more.
    """
    count = min(len(domain), _IMAGES)
    return palette(_load(domain.paths[i * len(domain) // count]) for i in range(count))


def palette(images: Iterable[Tensor]) -> Tensor:
    """The palette of images in [-1, 1], each (1, 3, height, width)."""
    parts = [(_band(image).round().long().flatten(), _colourfulness(image).flatten()) for image in images]
    bands, colours = (torch.cat(part) for part in zip(*parts, strict=True))
    of_bands = [colours[bands == band] for band in range(_BANDS)]
    return torch.stack([some.sort().values[int(_SHARE * len(some))] if len(some) else some.sum() for some in of_bands])


def invented(source: Tensor, result: Tensor, usual: Tensor) -> Tensor:
    """How much more colourful a result is than the source nearby and the target's palette; mean over pixels.

    Args:
        source: RGB in [-1, 1], (batch, 3, height, width).
        result: What is shown instead, of the same shape.
        usual: The palette of the domain that the result shall belong to.

    Returns:
        0-dimensional.
    """
    source, result = accurate(source), accurate(result).clamp(-1, 1)
    nearby = F.max_pool2d(_colourfulness(source), _NEARBY, stride=1, padding=_NEARBY // 2)
    band = _band(result.detach())
    below = band.long().clamp(max=_BANDS - 2)
    usual = usual.to(band)
    allowed = torch.lerp(usual[below], usual[below + 1], band - below)
    return F.relu(_colourfulness(result) - torch.maximum(nearby, allowed)).mean()


def _colourfulness(image: Tensor) -> Tensor:
    return image.amax(1, keepdim=True) - image.amin(1, keepdim=True)


def _band(image: Tensor) -> Tensor:
    """Luma, as a place among the bands: 0 to 24, not rounded."""
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    luma = (image * weights).sum(1, keepdim=True)
    return ((luma + 1) / 2 * (_BANDS - 1)).clamp(0, _BANDS - 1)


def _load(path: Path) -> Tensor:
    pixels = np.array(scale_to(load_rgb(path, _SIDE), _SIDE))
    return normalize(torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0), torch.device("cpu"))
