"""ResNet-50 as encoder and as judge (He et al. 2016; Ronneberger et al. 2015 for the joined decoder).

The encoder is torchvision's, whose weights for ImageNet fit. Group normalization (Wu and He 2018) takes batch
normalization's place: it works for single images, and is the same in training and in conversion. Instance normalization
would not do: for small images the deepest features are 2x2, four values have no statistics worth the name, and training
with it learned nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from cgtool.errors import ModelError
from cgtool.models.generator import Generator
from cgtool.models.layers import ResizeConv2d, Upsample, check_upsample, named

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ResNet50Config:
    """Structure of a `ResNet50Generator`.

    Attributes:
        dropout: Whether half of the decoder's two deepest features are dropped in training.
        upsample: How the decoder doubles the size.
    """

    dropout: bool = False
    upsample: Upsample = "transposed"

    def __post_init__(self) -> None:
        check_upsample(self.upsample)


@dataclass(frozen=True)
class ResNet50JudgeConfig:
    """Structure of a `ResNet50Discriminator`: it has no options."""


class _ResNet(Protocol):
    """The parts of torchvision's ResNet that are used."""

    conv1: nn.Conv2d
    bn1: nn.GroupNorm
    relu: nn.ReLU
    maxpool: nn.MaxPool2d
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(32, channels)


class Encoder(nn.Module):
    """ResNet-50 without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        # Not at the top: torchvision takes a second to import, which other networks should not cost.
        from torchvision.models.resnet import Bottleneck, ResNet

        net = cast(_ResNet, ResNet(Bottleneck, [3, 4, 6, 3], norm_layer=_norm))
        self.conv1, self.bn1, self.relu, self.maxpool = net.conv1, net.bn1, net.relu, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images in [-1, 1] to features of 64, 256, 512, 1024 and 2048 channels at 1/2, 1/4, ..., 1/32 size."""
        # ImageNet's weights expect this scale; constants made here follow the image's device and precision.
        mean = image.new_tensor(_IMAGENET_MEAN)[:, None, None]
        std = image.new_tensor(_IMAGENET_STD)[:, None, None]
        features = self.relu(self.bn1(self.conv1((image * 0.5 + 0.5 - mean) / std)))
        pyramid = [features]
        features = self.maxpool(features)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = layer(features)
            pyramid.append(features)
        return pyramid


class ResNet50Generator(Generator):
    """Translates images.

    Attributes:
        stride: Height and width must be multiples of this, in pixels.
    """

    stride = 32

    def __init__(self, config: ResNet50Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder()

        def up(inputs: int, outputs: int, *, dropout: bool = False) -> nn.Module:
            conv = (
                nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1)
                if config.upsample == "transposed"
                else ResizeConv2d(inputs, outputs)
            )
            return named(
                conv=conv,
                norm=_norm(outputs),
                relu=nn.ReLU(inplace=True),
                dropout=nn.Dropout(0.5) if dropout else None,
            )

        # Each but the first also reads the encoder's features of its size.
        self.up = nn.ModuleList(
            [
                up(2048, 512, dropout=config.dropout),
                up(512 + 1024, 256, dropout=config.dropout),
                up(256 + 512, 128),
                up(128 + 256, 64),
                up(64 + 64, 64),
            ]
        )
        self.head = named(
            conv=nn.Conv2d(64, 3, kernel_size=7, padding=3, padding_mode="reflect"),
            tanh=nn.Tanh(),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, 3, height, width) in [-1, 1] to the same shape and range.

        Height and width are multiples of ``stride``.
        """
        *skips, features = self.encoder(image)
        for up in self.up:
            features = up(features)
            if skips:
                features = torch.cat([skips.pop(), features], dim=1)
        translated: Tensor = self.head(features)
        return translated


class ResNet50Discriminator(nn.Module):
    """Judges patches: each logit stands for a cell of 32x32 px, and sees much around it."""

    def __init__(self, config: ResNet50JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder()
        self.head = nn.Conv2d(2048, 1, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map float (batch, 3, height, width) in [-1, 1] to logits (batch, 1, height / 32, width / 32).

        Height and width are at least 32 px.
        """
        logits: Tensor = self.head(self.encoder(image)[-1])
        return logits


def load_encoder(encoder: Encoder, path: Path) -> None:
    """Give an encoder torchvision's weights for ResNet-50. Batch statistics and classifier are left out.

    Args:
        encoder: Changed in place.
        path: A ``.pth`` file such as torchvision's ``resnet50-11ad3fa6.pth``.

    Raises:
        ModelError: The file is missing, damaged, or holds other weights.
    """
    hint = "Give torchvision's weights for ResNet-50, such as resnet50-11ad3fa6.pth."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", path=path, hint=hint) from error
    except Exception as error:  # damaged bytes make the unpickler fail in many ways
        raise ModelError("damaged, or no file of weights", path=path, hint=hint) from error
    try:
        encoder.load_state_dict({key: state[key] for key in encoder.state_dict()})
    except (KeyError, IndexError, TypeError, RuntimeError) as error:
        raise ModelError("holds no ResNet-50's weights", path=path, hint=hint) from error
