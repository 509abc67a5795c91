"""Masks of a domain's objects: ``maskX`` beside ``trainX`` has them, by their images' names with any suffix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import Image

from cgtool.errors import UsageError
from cgtool.training.data.images import Domain, attempt, image_files, load_rgb, spread, spread_paths

_HALF = 128
"""An object is where a mask is at least so bright."""
_NAMED = 10
"""Files that a warning names."""
_GRAY = 128
"""0, where -1 is black and 1 is white."""


@dataclass(frozen=True)
class Masks:
    """The masks of a domain, at a glance.

    Attributes:
        domain: Whose they are; its ``masks`` are those that can be decoded.
        folder: Where they should be.
        missing: Images without a mask.
        broken: Masks that were skipped, with the reason.
        empty: Masks in which no place is at least half white.
        white: Masks in which every place is.
        strays: Masks of no image.
    """

    domain: Domain
    folder: Path
    missing: tuple[Path, ...]
    broken: tuple[tuple[Path, str], ...]
    empty: tuple[Path, ...]
    white: tuple[Path, ...]
    strays: tuple[Path, ...]

    @property
    def files(self) -> Mapping[Path, Path]:
        """The masks that can be decoded, by their images' paths, in the images' order."""
        return self.domain.masks or {}

    @property
    def telling(self) -> list[Path]:
        """Images whose masks show an object and a background."""
        silent = {*self.empty, *self.white}
        return [path for path, mask in self.files.items() if mask not in silent]

    @property
    def line(self) -> str:
        """How many there are."""
        return f"{self.folder}: masks for {len(self.files)} of {len(self.domain)} images of {self.domain.name}"

    @property
    def warnings(self) -> list[str]:
        """What one should know before training with them."""
        skipped = [f"{path}: skipped, {problem}" for path, problem in self.broken]
        found = (
            _told(self.missing, self.domain.folder, "image", "without a mask, which count as nothing but object"),
            _told(self.empty, self.folder, "mask", "without an object, nowhere half white"),
            _told(self.white, self.folder, "mask", "without a background, nowhere less than half white"),
            _told(self.strays, self.folder, "mask", "of no image"),
        )
        return [*skipped, *filter(None, found)]

    def objects(self, count: int, short_side: int) -> Iterator[Image.Image]:
        """The objects of `spread`'s images on gray."""
        paths = spread_paths(self.domain.paths, count)
        for path, image in zip(paths, spread(self.domain, count, short_side), strict=True):
            mask = load_mask(self.files.get(path), image.size)
            yield Image.composite(image, Image.new("RGB", image.size, 3 * (_GRAY,)), mask)


def find_masks(domain: Domain, workers: int) -> Masks:
    """Find the masks of a domain's images, and decode each once to know that it can be.

    Args:
        domain: Its folder is called ``trainX``.
        workers: Threads that decode.

    Raises:
        UsageError: The domain's folder is called otherwise.
    """
    letter = domain.folder.name.removeprefix("train")
    if letter == domain.folder.name:
        raise UsageError(
            "masks lie beside folders that are called trainA and trainB", path=domain.folder, hint="Give DATA with both"
        )
    folder = domain.folder.with_name(f"mask{letter}")
    found = image_files(folder)[0] if folder.is_dir() else []
    by_name = {path.relative_to(folder).with_suffix(""): path for path in reversed(found)}  # the first of a name
    names = {path: path.relative_to(domain.folder).with_suffix("") for path in domain.paths}
    files = {path: by_name[name] for path, name in names.items() if name in by_name}
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="check") as executor:
        looks = dict(zip(files.values(), executor.map(partial(attempt, _extremes), files.values()), strict=True))
    bad = {path: look for path, look in looks.items() if isinstance(look, str)}
    good = {path: look for path, look in looks.items() if not isinstance(look, str)}
    known = set(names.values())
    return Masks(
        replace(domain, masks={path: mask for path, mask in files.items() if mask in good}),
        folder,
        missing=tuple(path for path in domain.paths if path not in files),
        broken=tuple(bad.items()),
        empty=tuple(path for path, (_, brightest) in good.items() if brightest < _HALF),
        white=tuple(path for path, (darkest, _) in good.items() if darkest >= _HALF),
        strays=tuple(path for path in found if path.relative_to(folder).with_suffix("") not in known),
    )


def load_mask(file: Path | None, size: tuple[int, int]) -> Image.Image:
    """A mask in mode L; all white if there is none.

    Args:
        file: See `find_masks`.
        size: Width and height, px, that it is scaled to.

    Raises:
        MediaError: It can't be decoded.
    """
    if file is None:
        return Image.new("L", size, 255)
    return load_rgb(file).convert("L").resize(size, Image.Resampling.BILINEAR)


def _extremes(path: Path) -> tuple[int, int]:
    darkest, brightest = load_rgb(path).convert("L").getextrema()
    return int(darkest), int(brightest)  # type: ignore[arg-type]  # one band has one pair


def _told(paths: Sequence[Path], folder: Path, kind: str, what: str) -> str | None:
    if not paths:
        return None
    names = [path.relative_to(folder).as_posix() for path in paths[:_NAMED]]
    count = f"1 {kind}" if len(paths) == 1 else f"{len(paths)} {kind}s"
    return f"{folder}: {count} {what}: {', '.join(names)}{', ...' if len(paths) > _NAMED else ''}"
