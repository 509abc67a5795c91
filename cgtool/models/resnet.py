"""The paper's generator: a fully convolutional encoder, residual blocks and decoder (Johnson et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from cgtool.errors import ModelError
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
class ResNetConfig:
    """Structure of a `ResNetGenerator`.

    Attributes:
        blocks: Residual blocks: 9 for 256 px and more, 6 for 128 px (Zhu et al. 2017).
        ngf: Filters of the first convolution; the residual blocks have four times as many.
        affine: Whether instance normalizations learn a scale and a shift.
        stem_norm: Whether the first convolution's features are normalized, as in the paper. That takes an image's own
            tint and light away before any nonlinearity, so that no later layer knows evening from noon.
        padding: The border around the residual blocks' feature maps. The stem and the head always reflect.
        dropout: Whether half of each residual block's inner features are dropped in training.
        upsample: How the decoder doubles the size.
        input_channels: 3 for RGB.
        output_channels: 3 for RGB.
    """

    blocks: int = 9
    ngf: int = 64
    affine: bool = False
    stem_norm: bool = True
    padding: Literal["reflect", "zero"] = "reflect"
    dropout: bool = False
    upsample: Upsample = "transposed"
    input_channels: int = 3
    output_channels: int = 3

    def __post_init__(self) -> None:
        check_ranges("a ResNet generator", blocks=(self.blocks, 1, 128), ngf=(self.ngf, 1, MOST_FILTERS))
        check_channels(self.input_channels, self.output_channels)
        if self.padding not in ("reflect", "zero"):
            raise ModelError(f"unknown padding {self.padding!r}", hint="Known are reflect and zero.")
        check_upsample(self.upsample)


class ResNetGenerator(Generator):
    """Translates images; in the paper's notation c7s1-k, d2k, d4k, R4k..., u2k, uk, c7s1-3.

    Attributes:
        stride: Height and width must be multiples of this, in pixels.
    """

    stride = 4

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        k = config.ngf

        # In the paper's notation. c7s1-k: a 7x7 convolution with k filters; dk: a 3x3 convolution with k filters that
        # halves the size; Rk: a residual block of k filters; uk: the reverse of dk. Each but the last is followed by
        # instance normalization and ReLU.
        def norm(channels: int) -> nn.Module:
            return nn.InstanceNorm2d(channels, affine=config.affine)

        def down(channels: int) -> nn.Module:
            conv = nn.Conv2d(channels, 2 * channels, kernel_size=3, stride=2, padding=1)
            return named(conv=conv, norm=norm(2 * channels), relu=nn.ReLU(inplace=True))

        def up(channels: int) -> nn.Module:
            conv = (
                nn.ConvTranspose2d(channels, channels // 2, kernel_size=3, stride=2, padding=1, output_padding=1)
                if config.upsample == "transposed"
                else ResizeConv2d(channels, channels // 2)
            )
            return named(conv=conv, norm=norm(channels // 2), relu=nn.ReLU(inplace=True))

        def edge(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, kernel_size=7, padding=3, padding_mode="reflect")

        stem_norm = norm(k) if config.stem_norm else None
        self.stem = named(conv=edge(config.input_channels, k), norm=stem_norm, relu=nn.ReLU(inplace=True))
        self.down = nn.Sequential(down(k), down(2 * k))
        self.blocks = nn.Sequential(*(ResidualBlock(4 * k, config) for _ in range(config.blocks)))
        self.up = nn.Sequential(up(4 * k), up(2 * k))
        self.head = named(conv=edge(k, config.output_channels), tanh=nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, input_channels, height, width) in [-1, 1] to (batch, output_channels, height, width).

        The result is in [-1, 1] too. Height and width are multiples of ``stride``, and at least 8.
        """
        features = self.blocks(self.down(self.stem(image)))
        translated: Tensor = self.head(self.up(features))
        return translated


class ResidualBlock(nn.Module):
    """Adds what two 3x3 convolutions make of the features (He et al. 2016); no activation after the sum."""

    def __init__(self, channels: int, config: ResNetConfig) -> None:
        super().__init__()
        mode: Literal["reflect", "zeros"] = "reflect" if config.padding == "reflect" else "zeros"
        self.residual = named(
            conv1=nn.Conv2d(channels, channels, kernel_size=3, padding=1, padding_mode=mode),
            norm1=nn.InstanceNorm2d(channels, affine=config.affine),
            relu=nn.ReLU(inplace=True),
            dropout=nn.Dropout(0.5) if config.dropout else None,
            conv2=nn.Conv2d(channels, channels, kernel_size=3, padding=1, padding_mode=mode),
            norm2=nn.InstanceNorm2d(channels, affine=config.affine),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map float (batch, channels, height, width) to the same shape."""
        changed: Tensor = features + self.residual(features)
        return changed
