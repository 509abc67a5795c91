"""Masked data with some pictures that hold no object: what `horse2zebra` was taught to leave alone.

``python -m tests.benchmarks.models.without_animals horse2zebra where_not photo2monet/trainA day2night/trainA`` makes a
data set of links to another's pictures and masks, and adds to each side as many pictures of other folders as are asked
for, with black masks. Where every picture that a network was taught with holds a horse, it finds one in every roof.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from cgtool.training.data.images import spread_paths
from tests.benchmarks.models.links import link, link_as, readable

COUNT = 120
_SIDES = ("A", "B")
_BLACK = 8
"""Side of a mask without an object, px; masks are scaled to their pictures."""


def link_without_objects(data: Path, out: Path, others: Sequence[Path], count: int = COUNT) -> None:
    """Make a data set: ``data``'s folders, with ``count`` pictures more in trainA and in trainB, all of them different.

    Args:
        data: Holds trainA, trainB, maskA and maskB.
        out: The data set to make.
        others: Folders of pictures that hold no object; each gives as many.
        count: Pictures for each side.

    Raises:
        FileExistsError: There is such a folder.
    """
    grows = [folder for folder in sorted(data.iterdir()) if folder.name.startswith(("train", "mask"))]
    link((folder for folder in data.iterdir() if folder not in grows), out)
    for folder in grows:
        link(folder.iterdir(), out / folder.name)
    for folder in others:
        chosen = spread_paths(readable(folder), 2 * count // len(others))
        for number, path in enumerate(chosen):
            side, name = _SIDES[number % 2], f"{folder.parent.name}_{path.stem}"
            link_as(path, out / f"train{side}" / f"{name}{path.suffix}")
            Image.new("L", (_BLACK, _BLACK)).save(out / f"mask{side}" / f"{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="holds trainA, trainB, maskA and maskB")
    parser.add_argument("out", type=Path, help="data set to make")
    parser.add_argument("others", type=Path, nargs="+", help="folders of pictures that hold no object")
    parser.add_argument("--count", type=int, default=COUNT, help=f"pictures for each side (default: {COUNT})")
    arguments = parser.parse_args()
    link_without_objects(arguments.data, arguments.out, arguments.others, arguments.count)


if __name__ == "__main__":
    main()
