"""Grids of real, translated, reconstructed and identity images, always of the same photographs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from cgtool.config import Direction
from cgtool.models.architecture import Generator
from cgtool.training.data import normalize
from cgtool.training.images import load_rgb, scale_to

SHOWN = 4
"""Images of each domain in a grid."""

_LEGIBLE = 128
_GAP = 6
_TITLE = 20


class Sampler:
    """Translates a few fixed images of each domain.

    Args:
        domains: (A, B), as the user calls them.
        paths: Image files of A and of B; the first ``SHOWN`` are taken.
        short_side: Images are scaled to this short side, px, and the largest square that fits ``stride`` is cut out
            of their middle.
        stride: What the generators need the side to be a multiple of, px.
        device: Where the generators are.
        show: What is shown of an image's translation, given both.
    """

    def __init__(
        self,
        domains: tuple[str, str],
        paths: tuple[Sequence[Path], Sequence[Path]],
        short_side: int,
        stride: int,
        device: torch.device,
        *,
        show: Callable[[Tensor, Tensor], Tensor] = lambda image, result: result,
    ) -> None:
        self._domains = domains
        self._show = show
        side = max(stride, short_side // stride * stride)
        self._images = tuple(
            [_load(path, max(short_side, side), side, device) for path in some[:SHOWN]] for some in paths
        )

    @torch.inference_mode()
    def grid(self, generators: Mapping[Direction, Generator]) -> NDArray[np.uint8]:
        """Translate the images there, back, and to their own domain.

        Args:
            generators: Both; the mode they are in (training or evaluation) is kept.

        Returns:
            RGB, uint8, shape (height, width, 3): A's images at the left, B's at the right.
        """
        there: tuple[Direction, Direction] = ("A_to_B", "B_to_A")
        training = {direction: net.training for direction, net in generators.items()}
        for net in generators.values():
            net.eval()
        halves = []
        for images, forth, back, name, other in zip(
            self._images, there, reversed(there), self._domains, reversed(self._domains), strict=True
        ):
            rows = []
            for real in images:
                fake = self._translate(generators[forth], real)
                again, same = (self._translate(generators[back], image) for image in (fake, real))
                rows.append([_pixels(tensor) for tensor in (real, fake, again, same)])
            titles = (f"real {name}", f"to {other}", f"back to {name}", f"{name} to {name}")
            halves.append(_arrange(rows, titles))
        for direction, net in generators.items():
            net.train(training[direction])
        height = max(half.height for half in halves)
        sheet = Image.new("RGB", (sum(half.width for half in halves) + 3 * _GAP, height), "white")
        sheet.paste(halves[0], (0, 0))
        sheet.paste(halves[1], (halves[0].width + 3 * _GAP, 0))
        return np.asarray(sheet)

    def _translate(self, generator: Generator, image: Tensor) -> Tensor:
        return self._show(image, generator(image))


def _arrange(rows: list[list[NDArray[np.uint8]]], titles: Sequence[str]) -> Image.Image:
    side = rows[0][0].shape[0]
    sheet = Image.new("RGB", (len(titles) * (side + _GAP), _TITLE + len(rows) * (side + _GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((column * (side + _GAP), 3), title, fill="black", font=ImageFont.load_default(13))
        for row, pictures in enumerate(rows):
            place = (column * (side + _GAP), _TITLE + row * (side + _GAP))
            sheet.paste(Image.fromarray(pictures[column]), place)
    return sheet


def _load(path: Path, short_side: int, side: int, device: torch.device) -> Tensor:
    image = transforms.center_crop(scale_to(load_rgb(path, short_side), short_side), [side, side])
    return normalize(transforms.pil_to_tensor(image).unsqueeze(0), device)


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    """The first of a batch of images in [-1, 1] as RGB uint8 (height, width, 3), tiny ones enlarged."""
    levels = image[0].float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    pixels: NDArray[np.uint8] = levels.permute(1, 2, 0).cpu().numpy()
    scale = max(1, _LEGIBLE // pixels.shape[0])
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
