"""Data sets that are made of links to the pictures of others."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from cgtool.training.data.images import first_readable


def readable(folder: Path) -> list[Path]:
    """A folder's pictures, by name, that can be decoded."""
    return first_readable(folder, sys.maxsize)


def link(paths: Iterable[Path], folder: Path) -> None:
    """Make a folder, with its parents, and link files and folders into it by their names.

    Raises:
        FileExistsError: There is such a folder, or two have one name.
    """
    folder.mkdir(parents=True)
    for path in paths:
        link_as(path, folder / path.name)


def link_as(path: Path, place: Path) -> None:
    """Link a file or folder, wherever it really is."""
    place.symlink_to(path.resolve())
