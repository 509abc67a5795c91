"""The winters with the most snow: what `summer2winter` was taught as winter.

``python -m tests.benchmarks.models.snowiest summer2winter snow`` makes a data set of links to another's pictures, of
trainB only to those with the most bright, nearly grey ground. A discriminator asks for what it is shown: among
photographs that are called winter are bare forests at sunset and mountains at night, and a generator that learned from
them as well paints meadows grey and forests orange.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgtool.errors import UsageError
from cgtool.training.data.images import load_rgb
from tests.benchmarks.models.links import link, readable

COUNT = 96
_GROUND = 0.4
"""Above this share of the height is sky, or may be."""
_BRIGHT, _COLOURED = 150, 60
"""Levels: luma of at least the one, and a range of red, green and blue below the other, is snow."""


def snow(pixels: NDArray[np.uint8]) -> float:
    """Share of a picture's ground that is snow, 0 to 1.

    Args:
        pixels: RGB, shape (height, width, 3).
    """
    ground = pixels[int(len(pixels) * _GROUND) :].astype(np.float32)
    luma = ground @ np.array([0.299, 0.587, 0.114], np.float32)
    return float(((luma > _BRIGHT) & (np.ptp(ground, axis=2) < _COLOURED)).mean())


def snowiest(folder: Path, count: int) -> list[Path]:
    """The pictures in a folder with the most snow, by name.

    Raises:
        UsageError: There are fewer.
    """
    paths = readable(folder)
    if len(paths) < count:
        raise UsageError(f"holds {len(paths)} pictures, not {count}", path=folder, hint="Ask for fewer with --count")
    shares = {path: snow(np.asarray(load_rgb(path))) for path in paths}
    return sorted(sorted(paths, key=lambda path: -shares[path])[:count])


def link_snowiest(data: Path, out: Path, count: int = COUNT) -> None:
    """Make a data set: ``data``'s trainA, testA and testB, and the snowiest pictures of its trainB.

    Raises:
        FileExistsError: There is such a folder.
        UsageError: There are fewer pictures.
    """
    chosen = snowiest(data / "trainB", count)
    link((folder for folder in data.iterdir() if folder.name != "trainB"), out)
    link(chosen, out / "trainB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="holds trainA and trainB, which is winter")
    parser.add_argument("out", type=Path, help="data set to make")
    parser.add_argument("--count", type=int, default=COUNT, help=f"winters that remain (default: {COUNT})")
    arguments = parser.parse_args()
    link_snowiest(arguments.data, arguments.out, arguments.count)


if __name__ == "__main__":
    main()
