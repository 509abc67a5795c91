"""Grids of real, translated, reconstructed and identity images, always of the same photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from cgtool.config import Direction
from cgtool.files import writing
from cgtool.models.generator import Generator
from cgtool.training.config import TrainConfig
from cgtool.training.data.images import middle
from cgtool.training.judge.showing import evaluating
from cgtool.training.losses import translated
from cgtool.training.parts.layout import normalize

_LEGIBLE = 128
_GAP = 6
_TITLE = 20


class Sampler:
    """Translates a few fixed images of each domain.

    Args:
        names: Of A and of B.
        paths: Images of A and of B, as `cgtool.training.data.images.choose_samples` gives them.
        config: How large images are, and what is shown of a translation.
        stride: The generators need sides that are multiples of this, px.
        device: Where the generators are.
    """

    def __init__(
        self,
        names: tuple[str, str],
        paths: tuple[Sequence[Path], Sequence[Path]],
        config: TrainConfig,
        stride: int,
        device: torch.device,
    ) -> None:
        self._names = names
        self._objective = config.objective
        # The largest square that fits the stride is cut out of the middle.
        side = max(stride, config.load_size // stride * stride)
        squares = [[middle(path, max(config.load_size, side), side) for path in some] for some in paths]
        self._images = [
            [normalize(transforms.pil_to_tensor(image)[None], device) for image in some] for some in squares
        ]

    def write(self, path: Path, generators: Mapping[Direction, Generator]) -> NDArray[np.uint8]:
        """Write the grid as a JPEG and return it; see `grid`.

        Raises:
            OSError: It can't be written.
        """
        grid = np.ascontiguousarray(self.grid(generators))
        with writing(path) as file:
            Image.fromarray(grid).save(file, "JPEG", quality=90)
        return grid

    @torch.inference_mode()
    def grid(self, generators: Mapping[Direction, Generator]) -> NDArray[np.uint8]:
        """Translate the images there, back, and to their own domain.

        Args:
            generators: Both; the mode they are in (training or evaluation) is kept.

        Returns:
            RGB, uint8, shape (height, width, 3): A's images at the left, B's at the right.
        """
        there: tuple[Direction, Direction] = ("A_to_B", "B_to_A")
        halves = []
        with evaluating(generators.values()):
            for images, forth, back, name, other in zip(
                self._images, there, reversed(there), self._names, reversed(self._names), strict=True
            ):
                rows = []
                for real in images:
                    fake = self._translate(generators[forth], real)
                    again, same = (self._translate(generators[back], image) for image in (fake, real))
                    rows.append([_pixels(tensor) for tensor in (real, fake, again, same)])
                titles = (f"real {name}", f"to {other}", f"back to {name}", f"{name} to {name}")
                halves.append(_arrange(rows, titles))
        height = max(half.height for half in halves)
        sheet = Image.new("RGB", (sum(half.width for half in halves) + 3 * _GAP, height), "white")
        sheet.paste(halves[0], (0, 0))
        sheet.paste(halves[1], (halves[0].width + 3 * _GAP, 0))
        return np.asarray(sheet)

    def _translate(self, generator: Generator, image: Tensor) -> Tensor:
        return translated(self._objective, generator, image)


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


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    """The first of a batch of images in [-1, 1] as RGB uint8 (height, width, 3), tiny ones enlarged."""
    levels = image[0].float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    pixels: NDArray[np.uint8] = levels.permute(1, 2, 0).cpu().numpy()
    scale = max(1, _LEGIBLE // pixels.shape[0])
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
