"""pix2pix's generator: an encoder and a decoder joined at every size (Ronneberger et al. 2015, Isola et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cgtool.models.generator import Generator
from cgtool.models.layers import (
    MOST_FILTERS,
    ResizeConv2d,
    Upsample,
    check_channels,
    check_ranges,
    check_upsample,
    named,
)


@dataclass(frozen=True)
class UNetConfig:
    """Structure of a `UNetGenerator`.

    Attributes:
        downs: How often the size is halved: 8 for 256 px, 7 for 128 px.
        ngf: Filters of the first convolution; they double until they are eight times as many.
        affine: Whether instance normalizations learn a scale and a shift.
        dropout: Whether half of the decoder's features are dropped in training where the width no longer grows.
        upsample: How the decoder doubles the size.
        input_channels: 3 for RGB.
        output_channels: 3 for RGB.
    """

    downs: int = 8
    ngf: int = 64
    affine: bool = False
    dropout: bool = False
    upsample: Upsample = "transposed"
    input_channels: int = 3
    output_channels: int = 3

    def __post_init__(self) -> None:
        check_ranges("a U-Net", downs=(self.downs, 2, 10), ngf=(self.ngf, 1, MOST_FILTERS))
        check_channels(self.input_channels, self.output_channels)
        check_upsample(self.upsample)


class UNetGenerator(Generator):
    """Translates images.

    Attributes:
        stride: Height and width must be multiples of this, in pixels: 2 ** downs.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = 2**config.downs
        widths = [config.ngf * min(2**level, 8) for level in range(config.downs)]
        bottom = config.downs - 1

        # Levels count from the largest size, 0, to the bottom. Activations come before the convolutions, as pix2pix has
        # them, so that a skip carries features that are not yet rectified.
        def down(level: int) -> nn.Module:
            inputs = widths[level - 1] if level else config.input_channels
            return named(
                # Not in place: the decoder reads the same features.
                relu=nn.LeakyReLU(0.2) if level else None,
                conv=nn.Conv2d(inputs, widths[level], kernel_size=4, stride=2, padding=1),
                # The bottom may be a single pixel, which has no statistics.
                norm=nn.InstanceNorm2d(widths[level], affine=config.affine) if 0 < level < bottom else None,
            )

        def up(level: int) -> nn.Module:
            # Above the bottom, half of the inputs come from the level below and half from the encoder's own level.
            inputs = widths[level] if level == bottom else 2 * widths[level]
            outputs = widths[level - 1] if level else config.output_channels
            return named(
                relu=nn.ReLU(),
                conv=nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1)
                if config.upsample == "transposed"
                else ResizeConv2d(inputs, outputs),
                norm=nn.InstanceNorm2d(outputs, affine=config.affine) if level else None,
                dropout=nn.Dropout(0.5) if config.dropout and 4 <= level < bottom else None,
                tanh=None if level else nn.Tanh(),
            )

        self.down = nn.ModuleList(down(level) for level in range(config.downs))
        self.up = nn.ModuleList(up(level) for level in reversed(range(config.downs)))

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, input_channels, height, width) in [-1, 1] to (batch, output_channels, height, width).

        The result is in [-1, 1] too. Height and width are multiples of ``stride``.
        """
        # The bottom's features begin the decoder; the others wait for it, last in, first out.
        features = image
        skips = []
        for down in self.down:
            features = down(features)
            skips.append(features)
        features = skips.pop()
        for up in self.up:
            features = up(features)
            if skips:
                features = torch.cat([skips.pop(), features], dim=1)
        return features
