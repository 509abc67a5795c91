"""A fast generator that draws: nearly all of its work is done at a quarter and an eighth of the size.

The picture comes in as squares of 4x4 pixels, each a cell with 48 channels (the way of Shi et al., "Real-Time Single
Image and Video Super-Resolution", 2016, backwards). What is drawn grows by interpolation, with few channels where there
are many pixels, and lies on the source's coarse light and colour::

    x --unshuffle, stem--> 1/4 --down--> 1/8 --blocks--> 1/8 --up--> 1/4 --> 1/2 --> 1 --head--> + x at 1/4
                            `---------------- skip -----------------'

Squares don't go out as they come in: each pixel of a square would have weights of its own, and a discriminator makes
such weights draw grids (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016). And the ground is coarse,
because a network at a quarter of the size can't take a photograph's details away that it hardly sees: strokes would lie
on leaves and grass that are all still there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cgtool.models.generator import Generator
from cgtool.models.layers import MOST_FILTERS, PlainBlock, PlainUp, check_ranges, conv3x3, draw_plain

_SIDE = 4
_LAST_CHANNELS = 8
"""Of what the head sees, at the picture's own size."""


@dataclass(frozen=True)
class ShuffleConfig:
    """Structure of a `ShuffleGenerator`.

    Attributes:
        width: Channels at a quarter of the size; there are twice as many at an eighth.
        blocks: Residual blocks at an eighth of the size.
    """

    width: int = 48
    blocks: int = 4

    def __post_init__(self) -> None:
        check_ranges("a shuffle generator", width=(self.width, 1, MOST_FILTERS), blocks=(self.blocks, 1, 128))


class ShuffleGenerator(Generator):
    """Translates images.

    Attributes:
        stride: Height and width must be multiples of this, in pixels.
    """

    stride = 2 * _SIDE

    def __init__(self, config: ShuffleConfig) -> None:
        super().__init__()
        self.config = config
        quarter, eighth = config.width, 2 * config.width
        self.stem = conv3x3(3 * _SIDE**2, quarter)
        self.down = conv3x3(quarter, eighth, stride=2)
        self.blocks = nn.Sequential(*(PlainBlock(eighth) for _ in range(config.blocks)))
        self.up = PlainUp(eighth, quarter, quarter)
        self.at_half = conv3x3(quarter, (quarter + 1) // 2)
        self.last = conv3x3((quarter + 1) // 2, _LAST_CHANNELS)
        self.head = conv3x3(_LAST_CHANNELS, 3)
        self.initialize()

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, 3, height, width) in [-1, 1] to the same shape and range."""
        at_quarter = F.relu(self.stem(F.pixel_unshuffle(image, _SIDE)))
        features = self.blocks(F.relu(self.down(at_quarter)))
        at_half = F.relu(self.at_half(_enlarged(F.relu(self.up(features, at_quarter)), 2)))
        drawn = self.head(_enlarged(F.relu(self.last(at_half)), 2))
        picture = _enlarged(F.avg_pool2d(image, _SIDE), _SIDE) + drawn
        clamped = torch.clamp(picture, -1, 1)
        # What is blacker than black would get no gradient through the clamp, and stay so for ever.
        return picture + (clamped - picture).detach() if self.training else clamped

    def initialize(self) -> None:
        """Draw fresh weights, such that nothing is drawn yet. Draws from torch's global generator."""
        draw_plain(self)
        nn.init.zeros_(self.head.weight)


def _enlarged(features: Tensor, factor: int) -> Tensor:
    """(batch, channels, factor h, factor w) from (batch, channels, h, w), bilinear."""
    return F.interpolate(features, scale_factor=float(factor), mode="bilinear", align_corners=False)
