"""The pictures that show most of what is asked for: what two models were taught as their second domain.

``python -m tests.benchmarks.models.chosen snow summer2winter snow`` makes a data set of links to another's pictures, of
trainB only to those with the most bright, nearly grey ground; ``chosen warmth day2sunset warm`` to those with the most
warm colour. A discriminator asks for what it is shown: among photographs that are called winter are bare forests at
sunset and mountains at night, and a generator that learned from them as well paints meadows grey and forests orange.
Among sunsets are blue hours and meadows at noon, and skies stay blue.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgtool.errors import UsageError
from cgtool.training.data.images import load_rgb
from tests.benchmarks.models.links import link, readable

_GROUND = 0.4
"""Above this share of the height is sky, or may be."""
_BRIGHT, _COLOURED = 150, 60
"""Levels: luma of at least the one, and a range of red, green and blue below the other, is snow."""
_WARM = 40
"""Levels by which red is above blue, where a colour is warm."""


def snow(pixels: NDArray[np.uint8]) -> float:
    """Share of a picture's ground that is snow, 0 to 1.

    Args:
        pixels: RGB, shape (height, width, 3).
    """
    ground = pixels[int(len(pixels) * _GROUND) :].astype(np.float32)
    luma = ground @ np.array([0.299, 0.587, 0.114], np.float32)
    return float(((luma > _BRIGHT) & (np.ptp(ground, axis=2) < _COLOURED)).mean())


def warmth(pixels: NDArray[np.uint8]) -> float:
    """Share of a picture with a warm colour, 0 to 1.

    Args:
        pixels: RGB, shape (height, width, 3).
    """
    red, blue = pixels[..., 0].astype(np.int16), pixels[..., 2].astype(np.int16)
    return float((red - blue > _WARM).mean())


@dataclass(frozen=True)
class Measure:
    """What is asked for, and of how many pictures."""

    share: Callable[[NDArray[np.uint8]], float]
    count: int


MEASURES: Mapping[str, Measure] = {"snow": Measure(snow, 96), "warmth": Measure(warmth, 200)}


def most(folder: Path, measure: Measure) -> list[Path]:
    """The pictures in a folder that show the most of something, by name.

    Raises:
        UsageError: There are fewer.
    """
    paths = readable(folder)
    if len(paths) < measure.count:
        raise UsageError(
            f"holds {len(paths)} pictures, not {measure.count}", path=folder, hint="Ask for fewer with --count"
        )
    shares = {path: measure.share(np.asarray(load_rgb(path))) for path in paths}
    return sorted(sorted(paths, key=lambda path: -shares[path])[: measure.count])


def link_most(data: Path, out: Path, measure: Measure) -> None:
    """Make a data set: ``data``'s trainA, testA and testB, and of its trainB the pictures that show the most.

    Raises:
        FileExistsError: There is such a folder.
        UsageError: There are fewer pictures.
    """
    chosen = most(data / "trainB", measure)
    link((folder for folder in data.iterdir() if folder.name != "trainB"), out)
    link(chosen, out / "trainB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=MEASURES, help="what the pictures are to show")
    parser.add_argument("data", type=Path, help="holds trainA and trainB, of which some are chosen")
    parser.add_argument("out", type=Path, help="data set to make")
    parser.add_argument("--count", type=int, help="pictures of trainB that remain (default: 96 of snow, 200 of warmth)")
    arguments = parser.parse_args()
    measure = MEASURES[arguments.measure]
    link_most(arguments.data, arguments.out, Measure(measure.share, arguments.count or measure.count))


if __name__ == "__main__":
    main()
