"""What conversion will show of a network's result: guided detail (`cgtool.change.detail`), differentiable.

A season's network is shown through guided detail: its change becomes a gain and an offset for each window of the
source, and what is finer is dropped. A network that is trained without that spends itself on what nobody sees, and is
judged on what nobody shows. With ``--through-detail`` every loss sees the filtered result.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from cgtool.change.fit import AVERAGED, FLAT, MISFIT, WINDOW
from cgtool.config import LEAST_CONTRAST
from cgtool.models.layers import accurate
from cgtool.pictures import LUMA

_LEVEL = 1 / 127.5
"""One level of 255, in the networks' range of [-1, 1]."""


def through_detail(source: Tensor, result: Tensor, *, texture: float = 0.0, contrast: float = LEAST_CONTRAST) -> Tensor:
    """A result as guided detail shows it at the network's own size, as `cgtool.change.fit.fit` models it.

    Args:
        source: What the network saw, in [-1, 1], shape (batch, 3, height, width), both sides even.
        result: What it made of it, of the same shape.
        texture: Share, 0 to 1, of what gain and offset can't explain that is shown all the same.
        contrast: Share, 0 to 1, of the source's contrast of luma that every window keeps at least.

    Returns:
        FP32 at least, the same shape, differentiable by both; about in [-1, 1], not clamped.
    """
    with torch.autocast(source.device.type, enabled=False):  # variances are differences of large numbers
        source, result = accurate(source), accurate(result)
        gain, lift, offset = _fit(source, result - source, contrast)
        size = source.shape[2:]
        gain, lift, offset = (F.interpolate(field, size, mode="bilinear") for field in (gain, lift, offset))
        explained = source + gain * source + lift * _luma(source) + offset
        return torch.lerp(explained, result, texture) if texture else explained


def _fit(source: Tensor, change: Tensor, contrast: float) -> tuple[Tensor, Tensor, Tensor]:
    guide, change = F.avg_pool2d(source, 2), F.avg_pool2d(change, 2)
    products = torch.cat([guide, change, guide * guide, guide * change, change * change], 1)
    guide_mean, change_mean, guide_square, product, change_square = _box(products, WINDOW).chunk(5, 1)
    variance = guide_square - guide_mean.square()
    covariance = product - guide_mean * change_mean
    spread = change_square - change_mean.square()

    gain = covariance / (variance + FLAT * _LEVEL**2)
    lift = (contrast - 1 - _luma(gain)).clamp(min=0)
    offset = change_mean - gain * guide_mean - lift * _luma(guide_mean)
    misfit = (spread - gain * (2 * covariance - gain * variance)).mean(1, keepdim=True).clamp(min=0)
    say = 1 / (misfit / _LEVEL**2 + MISFIT)
    sums = _box(torch.cat([say * gain, say * lift, say * offset, say], 1), AVERAGED)
    gain, lift, offset, total = torch.split(sums, [3, 1, 3, 1], 1)
    return gain / total, lift / total, offset / total


def _box(field: Tensor, side: int) -> Tensor:
    return F.avg_pool2d(F.pad(field, [side // 2] * 4, mode="replicate"), side, stride=1)


def _luma(image: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)
