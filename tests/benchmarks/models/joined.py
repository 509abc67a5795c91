"""Several folders' pictures as one domain.

``python -m tests.benchmarks.models.joined day2sunset/trainA day2night/trainA photo2monet/trainA`` fills a folder with
links. Pictures of a domain should show what footage shows: days in towns alone, beside evenings over the sea, teach
that houses have to go.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.models.links import link_as, readable


def link_all(out: Path, folders: Sequence[Path]) -> None:
    """Link all pictures of some folders into a new one, by the names of their data sets and their own.

    Raises:
        FileExistsError: There is such a folder.
    """
    out.mkdir(parents=True)
    for folder in folders:
        for path in readable(folder):
            link_as(path, out / f"{folder.parent.name}_{path.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("folders", type=Path, nargs="+", help="where the pictures are")
    arguments = parser.parse_args()
    link_all(arguments.out, arguments.folders)


if __name__ == "__main__":
    main()
