"""A generator that gives maps instead of a picture: how to change colours, for each place and each brightness.

A season is a change of light and colour that leaves every leaf where it was. This network therefore draws nothing: it
gives seven maps, with which the picture x in [-1, 1] itself is changed, at any size::

    result = x + gain * x + lift * luma(x) + offset         gain and offset: red, green, blue; lift: one for all three

The maps are coarse, one cell for ``map_stride`` pixels, and depend on brightness too: there are seven for each of K
luma **knots**, spread evenly over [-1, 1], and a pixel takes those of the two knots beside its luma, in proportion (a
bilateral grid: Chen et al. 2007; HDRnet, Gharbi et al. 2017). A dark branch before a bright sky can have its own
change without an edge in the maps, so that no rim appears beside it.

At half, a quarter and an eighth of the size::

    x --stem--> 1/2 --down--> 1/4 --down--> 1/8 --blocks--> 1/8 --up--> 1/4 --up--> 1/2
                 `-------------`--------------------- skip ----`---------'    head where 1 / map_stride is reached

The stem and the way down have no normalization, and neither has the sum that the residual blocks add to: instance
normalization would take an image's own light and tint away, and then no layer knows evening from noon.

Where only some things are to change, such as horses, the head also says how much each cell is one (**attention**), and
maps are multiplied by that. Masks teach it; left to itself, it closes everywhere, and nothing is learned any more (see
Mejjati et al., "Unsupervised Attention-guided Image-to-Image Translation", 2018, for a way without masks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cgtool.errors import ModelError
from cgtool.grid import KNOTS, MAP_STRIDE, MAPS, luma_knots
from cgtool.models.generator import Generator
from cgtool.models.layers import MOST_FILTERS, PlainBlock, PlainUp, accurate, check_ranges, conv3x3, draw_plain
from cgtool.pictures import LUMA

_UNBOUND = -10_000.0
"""Less than any lift or offset."""


@dataclass(frozen=True)
class MapsConfig:
    """Structure of a `MapsGenerator`.

    Attributes:
        width: Channels at half the size; there are 3 times as many at a quarter and 6 times as many at an eighth.
        blocks: Residual blocks at an eighth of the size.
        map_stride: Side of a cell of the maps, in pixels: 2, 4 or 8.
        knots: Lumas that have maps of their own; 1 for maps that do not depend on brightness.
        contrast: Share, 0 to 1, of the source's contrast of luma that every cell keeps at least: the slope of its
            curve, from luma to changed luma, between adjacent knots.
        attention: Whether it says which cells are to change.
    """

    width: int = 16
    blocks: int = 6
    map_stride: int = MAP_STRIDE
    knots: int = KNOTS
    contrast: float = 0.2
    attention: bool = False

    def __post_init__(self) -> None:
        check_ranges(
            "a maps generator",
            width=(self.width, 1, MOST_FILTERS),
            blocks=(self.blocks, 1, 128),
            knots=(self.knots, 1, 64),
        )
        if not 0 <= self.contrast <= 1:
            raise ModelError(f"contrast is {self.contrast}, not from 0 to 1")
        if self.map_stride not in (2, 4, 8):
            raise ModelError(f"map_stride is {self.map_stride}", hint="Known are 2, 4 and 8.")


class MapsGenerator(Generator):
    """Looks at an image and says how to change it.

    Attributes:
        stride: Height and width must be multiples of this, in pixels.
    """

    stride = 8

    def __init__(self, config: MapsConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth = config.width, 3 * config.width, 6 * config.width

        self.stem = conv3x3(3, half, stride=2)
        self.down4 = conv3x3(half, quarter, stride=2)
        self.down8 = conv3x3(quarter, eighth, stride=2)
        self.blocks = nn.Sequential(*(PlainBlock(eighth) for _ in range(config.blocks)))
        self.up4 = PlainUp(eighth, quarter, quarter) if config.map_stride <= 4 else None
        self.up2 = PlainUp(quarter, 2 * half, half) if config.map_stride <= 2 else None
        at_end = {2: 2 * half, 4: quarter, 8: eighth}[config.map_stride]
        self.head = conv3x3(at_end, MAPS * config.knots)
        self.attention = conv3x3(at_end, 1) if config.attention else None
        self.initialize()

    def forward(self, image: Tensor) -> Tensor:
        """Map RGB in [-1, 1] to maps.

        Args:
            image: Float, (batch, 3, height, width), both sides multiples of ``stride``.

        Returns:
            FP32 at least, (batch, knots * 7, height / map_stride, width / map_stride): knot by knot from dark to
            bright, each in the order of `MAPS`. In training mode, a network with attention adds its logits: see
            `split`.
        """
        at_half = F.relu(self.stem(image))
        at_quarter = F.relu(self.down4(at_half))
        features = self.blocks(F.relu(self.down8(at_quarter)))
        if self.up4 is not None:
            features = self.up4(features, at_quarter)
        if self.up2 is not None:
            features = self.up2(features, at_half)
        features = F.relu(features)
        maps = accurate(self.head(features))
        if self.attention is None:
            return keep_contrast(maps, self.config.contrast)
        logits = accurate(self.attention(features))
        maps = keep_contrast(maps * torch.sigmoid(logits), self.config.contrast)
        return torch.cat([maps, logits], 1) if self.training else maps

    def split(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """The maps, and in training mode the logits of attention, (batch, 1, height, width), if there are any."""
        count = MAPS * self.config.knots
        return output[:, :count], output[:, count:] if output.shape[1] > count else None

    def picture(self, image: Tensor, output: Tensor) -> Tensor:
        """The image, changed as the maps say; see `apply_maps`."""
        return apply_maps(image, self.split(output)[0])

    def initialize(self) -> None:
        """Draw fresh weights, such that the maps are all 0 (the picture stays as it is).

        Draws from torch's global generator.
        """
        draw_plain(self)
        nn.init.zeros_(self.head.weight)


def keep_contrast(maps: Tensor, contrast: float) -> Tensor:
    """Raise maps just so far that light and dark are never swapped, nor a place left flat, nor a colour turned around.

    Gains are at least -1, where a channel's own contrast is gone: less would make green things pink.

    A cell makes of a gray pixel with luma L_k, at knot k, the luma v_k = L_k + luma(gain_k) L_k + lift_k L_k +
    luma(offset_k). From knot to knot it rises by at least ``contrast`` times the luma's own step: what is missing is
    added to the offsets of all brighter knots. With a single knot, lift is raised until 1 + luma(gain) + lift is
    ``contrast``.

    Args:
        maps: (batch, knots * 7, h, w), see `MapsGenerator.forward`.
        contrast: 0 to 1.

    Returns:
        The same shape.
    """
    knots = maps.shape[1] // MAPS
    maps = torch.maximum(maps, _per_map(maps, [*[-1.0] * 3, *[_UNBOUND] * 4] * knots))
    lumas = luma_knots(knots) if knots > 1 else [1.0]
    # Few operations on all maps together: on coarse maps, each costs engines more than its arithmetic.
    of_value = [[*(luma * weight for weight in LUMA), luma, *LUMA] for luma in lumas]
    terms = maps * _per_map(maps, [factor for of_knot in of_value for factor in of_knot])
    if knots == 1:
        lift = F.relu(contrast - 1 - terms[:, :4].sum(1, keepdim=True))
        return maps + lift * _per_map(maps, [0, 0, 0, 1, 0, 0, 0])
    at_knots = terms.unflatten(1, (knots, MAPS))  # type: ignore[no-untyped-call]  # torch gives it no types
    value = at_knots.sum(2) + _per_map(maps, lumas)
    missing = F.relu(contrast * (lumas[1] - lumas[0]) - (value[:, 1:] - value[:, :-1]))
    added = [torch.zeros_like(missing[:, :1])]
    for of_knot in torch.split(missing, 1, 1):
        added.append(added[-1] + of_knot)
    raised = torch.stack(added, 1) * _per_map(maps, [0, 0, 0, 0, 1, 1, 1])
    return maps + raised.flatten(1, 2)


def _per_map(maps: Tensor, numbers: Sequence[float]) -> Tensor:
    """A number for each map, to be calculated with maps."""
    return torch.tensor(numbers, dtype=maps.dtype, device=maps.device).reshape(-1, 1, 1)


def apply_maps(image: Tensor, maps: Tensor) -> Tensor:
    """Change an image as its maps say, differentiable by both.

    Args:
        image: RGB in [-1, 1], (batch, 3, height, width).
        maps: (batch, knots * 7, h, w), covering the same picture.

    Returns:
        FP32 at least, the image's shape, about in [-1, 1], not clamped.
    """
    with torch.autocast(image.device.type, enabled=False):
        image, maps = accurate(image), accurate(maps)
        luma = _luma(image)
        maps = F.interpolate(maps, image.shape[2:], mode="bilinear", align_corners=False)
        gain, lift, offset = torch.split(_of_luma(maps, luma), [3, 1, 3], 1)
        return image + gain * image + lift * luma + offset


def _of_luma(maps: Tensor, luma: Tensor) -> Tensor:
    """The seven maps of each pixel: linear between the two knots beside its luma."""
    at_knot = torch.split(maps, MAPS, 1)
    if len(at_knot) == 1:
        return maps
    lumas = luma_knots(len(at_knot))
    step = lumas[1] - lumas[0]
    luma = luma.clamp(-1, 1)
    weighted = [F.relu(1 - (luma - knot).abs() / step) * of_knot for knot, of_knot in zip(lumas, at_knot, strict=True)]
    return torch.stack(weighted).sum(0)


def _luma(colour: Tensor) -> Tensor:
    red, green, blue = torch.split(colour, 1, 1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
