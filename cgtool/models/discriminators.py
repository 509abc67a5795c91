"""PatchGAN discriminators: each output judges one patch of the image as real or fake (Isola et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from cgtool.models.layers import MOST_FILTERS, check_channels, check_ranges, named


@dataclass(frozen=True)
class PatchConfig:
    """Structure of a `PatchDiscriminator`.

    Attributes:
        n_layers: Convolutions that halve the size; 3 sees patches of 70x70 px.
        ndf: Filters of the first convolution; they double until they are eight times as many.
        input_channels: 3 for RGB.
    """

    n_layers: int = 3
    ndf: int = 64
    input_channels: int = 3

    def __post_init__(self) -> None:
        check_ranges("a patch discriminator", n_layers=(self.n_layers, 1, 8), ndf=(self.ndf, 1, MOST_FILTERS))
        check_channels(self.input_channels)


@dataclass(frozen=True)
class PixelConfig:
    """Structure of a `PixelDiscriminator`.

    Attributes:
        ndf: Filters of the first convolution.
        input_channels: 3 for RGB.
    """

    ndf: int = 64
    input_channels: int = 3

    def __post_init__(self) -> None:
        check_ranges("a pixel discriminator", ndf=(self.ndf, 1, MOST_FILTERS))
        check_channels(self.input_channels)


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches; in the paper's notation C64-C128-C256-C512 for 3 layers."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.ndf * min(2**level, 8) for level in range(config.n_layers + 1)]

        # Ck: a 4x4 convolution with k filters, instance normalization, LeakyReLU. The first has no normalization; the
        # last one, like the head, keeps the size, so that logits lie close.
        def layer(level: int) -> nn.Module:
            stride = 2 if level < config.n_layers else 1
            return named(
                conv=nn.Conv2d(widths[level - 1], widths[level], kernel_size=4, stride=stride, padding=1),
                norm=nn.InstanceNorm2d(widths[level]),
                relu=nn.LeakyReLU(0.2, inplace=True),
            )

        self.stem = named(
            conv=nn.Conv2d(config.input_channels, widths[0], kernel_size=4, stride=2, padding=1),
            relu=nn.LeakyReLU(0.2, inplace=True),
        )
        self.layers = nn.Sequential(*(layer(level) for level in range(1, config.n_layers + 1)))
        self.head = nn.Conv2d(widths[-1], 1, kernel_size=4, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, input_channels, height, width) in [-1, 1] to logits (batch, 1, height', width').

        For a height that is a multiple of 2 ** n_layers, height' is height / 2 ** n_layers - 2. There is no sigmoid:
        it belongs to the loss.
        """
        logits: Tensor = self.head(self.layers(self.stem(image)))
        return logits


class PixelDiscriminator(nn.Module):
    """Judges each pixel by itself, with 1x1 convolutions."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = named(
            conv1=nn.Conv2d(config.input_channels, config.ndf, kernel_size=1),
            relu1=nn.LeakyReLU(0.2, inplace=True),
            conv2=nn.Conv2d(config.ndf, 2 * config.ndf, kernel_size=1),
            norm=nn.InstanceNorm2d(2 * config.ndf),
            relu2=nn.LeakyReLU(0.2, inplace=True),
        )
        self.head = nn.Conv2d(2 * config.ndf, 1, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, input_channels, height, width) in [-1, 1] to logits (batch, 1, height, width)."""
        logits: Tensor = self.head(self.layers(image))
        return logits
