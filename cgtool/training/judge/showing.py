"""Translations as ``cgtool convert`` shows a still at a model's own settings, by generators in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from cgtool.change.detail import GuidedDetail
from cgtool.change.exposure import keep_exposure
from cgtool.change.rgb import RgbChange
from cgtool.config import LEAST_CONTRAST, Precision
from cgtool.models.folder import Defaults
from cgtool.models.generator import Generator
from cgtool.models.maps import MapsGenerator
from cgtool.pictures import Array, Image, Size, resize
from cgtool.training.parts.layout import normalize
from cgtool.training.step import autocast

_BATCH = 8


@contextmanager
def evaluating(nets: Iterable[Generator]) -> Iterator[None]:
    """Networks in evaluation mode, and then in the mode in which they were."""
    modes = [(net, net.training) for net in nets]
    for net, _ in modes:
        net.eval()
    try:
        yield
    finally:
        for net, training in modes:
            net.train(training)


def show(
    net: Generator, pictures: Sequence[Image], look: Defaults, precision: Precision, device: torch.device
) -> list[Image]:
    """Translate square pictures of one size: through the network at its own scale, and back to theirs.

    Maps are carried out on the picture, what a network drew goes through guided detail.

    Args:
        net: In evaluation mode.
        pictures: RGB, uint8, (side, side, 3).
        look: The model's settings of conversion.
        precision: The arithmetic of the convolutions.
        device: Where the network is.

    Returns:
        As many, of the same shape.
    """
    side = max(1, round(look.size / net.stride)) * net.stride
    small = [resize(picture, Size(side, side)) for picture in pictures]
    outputs: list[Array] = []
    for begin in range(0, len(small), _BATCH):
        pixels = torch.from_numpy(np.stack(small[begin : begin + _BATCH])).permute(0, 3, 1, 2)
        with torch.inference_mode(), autocast(device, precision):
            outputs += list(net(normalize(pixels, device)).float().cpu().numpy())
    finish = _of_maps(net) if isinstance(net, MapsGenerator) else _of_drawing(look)
    return [finish(*triple) for triple in zip(pictures, small, outputs, strict=True)]


_Finish = Callable[[Image, Image, Array], Image]
"""From a picture, the picture at the network's size, and what the network gave, to what is shown."""


def _of_maps(net: MapsGenerator) -> _Finish:
    def finish(picture: Image, small: Image, maps: Array) -> Image:
        change = RgbChange(Size.of(picture), (maps.shape[1], maps.shape[2]), net.config.knots)
        return change(picture, maps)

    return finish


def _of_drawing(look: Defaults) -> _Finish:
    contrast = LEAST_CONTRAST if look.contrast is None else look.contrast
    guided = GuidedDetail(texture=look.texture, contrast=contrast)

    def finish(picture: Image, small: Image, output: Array) -> Image:
        levels = np.clip(np.rint((output.transpose(1, 2, 0) + 1) * np.float32(127.5)), 0, 255)
        drawn = np.ascontiguousarray(levels, np.uint8)
        return guided(picture, small, keep_exposure(small, drawn))

    return finish
