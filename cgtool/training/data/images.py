"""Finding and decoding a domain's images."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps

from cgtool.errors import CgtoolError, MediaError, UsageError
from cgtool.media.images import IMAGE_SUFFIXES, MAX_PIXELS, read_image
from cgtool.training.data.glance import Glance, glance_at

# Pillow reads these as 8-bit grey or RGB, JPEGs at a fraction of their size; all else goes the careful, slower way.
_PLAIN_MODES = ("RGB", "L")
_PLAIN_FORMATS = ("JPEG", "WEBP", "BMP")
_NOBODYS = ("__MACOSX",)
"""What archives leave behind beside hidden folders."""
SAMPLES = 4
"""Images of each domain that samples show."""

_T = TypeVar("_T")

# Python's warning filters belong to the process.
_filters_lock = threading.Lock()


@dataclass(frozen=True)
class Domain:
    """One domain's images.

    Attributes:
        name: What the user calls it.
        folder: Where the images are.
        paths: Images that can be decoded, sorted by their path in the folder.
        unreadable: Files that were skipped, with the reason.
        skipped: Folders that were skipped: hidden ones, and those of notebooks and archives, that hold images.
        glances: Of each of ``paths``; empty if nobody looked.
        masks: The masks that can be decoded, by their images' paths; None if nobody looked for any.
    """

    name: str
    folder: Path
    paths: tuple[Path, ...]
    unreadable: tuple[tuple[Path, str], ...] = ()
    skipped: tuple[Path, ...] = ()
    glances: tuple[Glance, ...] = ()
    masks: Mapping[Path, Path] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def warnings(self) -> list[str]:
        """The files and folders that were skipped, in words."""
        folders = [f"{folder}: skipped, as hidden folders are" for folder in self.skipped]
        return [f"{path}: skipped, {problem}" for path, problem in self.unreadable] + folders

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the images, wherever the folder is. Order and number of draws rest on it."""
        digest = hashlib.sha256()
        for path in self.paths:
            digest.update(f"{path.relative_to(self.folder).as_posix()}\0{path.stat().st_size}\n".encode())
        return digest.hexdigest()


def find_domain(name: str, folder: Path, workers: int) -> Domain:
    """Find a folder's images, also in folders below, and decode each once to know that it can be.

    Args:
        name: What the user calls the domain.
        folder: Where to look.
        workers: Threads that decode.

    Raises:
        UsageError: There is no such folder, or no image in it that can be decoded.
    """
    if not folder.is_dir():
        raise UsageError(
            f"the images of {name} should be here, but there is no such folder",
            path=folder,
            hint="Give a folder with trainA and trainB, or two folders with --a and --b",
        )
    domain = _look_at_all(name, folder, workers)
    if not domain.paths:
        bad = len(domain.unreadable)
        why = f"none of its {bad} images can be decoded" if bad else "it holds no images"
        raise UsageError(
            f"the domain {name} is empty: {why}",
            path=folder,
            hint=f"Put images there ({', '.join(sorted(IMAGE_SUFFIXES))})",
        )
    return domain


def find_tests(name: str, folder: Path, workers: int) -> Domain:
    """Find a folder's test images as `find_domain` does; there may be none, and no folder."""
    return _look_at_all(name, folder, workers) if folder.is_dir() else Domain(name, folder, ())


def _look_at_all(name: str, folder: Path, workers: int) -> Domain:
    found, skipped = image_files(folder)
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="check") as executor:
        looks = list(executor.map(partial(attempt, _glance), found))
    good = [(path, look) for path, look in zip(found, looks, strict=True) if isinstance(look, Glance)]
    bad = [(path, look) for path, look in zip(found, looks, strict=True) if isinstance(look, str)]
    paths, glances = zip(*good, strict=True) if good else ((), ())
    return Domain(name, folder, paths, tuple(bad), skipped, glances)


def load_rgb(path: Path, short_side: int | None = None) -> Image.Image:
    """Decode an image upright, in mode RGB.

    Args:
        path: Any image that `cgtool.media.images.read_image` reads.
        short_side: If given, a JPEG may come smaller, at an eighth, a quarter or half of its size, though with a short
            side of at least this many pixels: that is several times faster for photographs.

    Raises:
        MediaError: It can't be decoded, or only in part.
    """
    try:
        with Image.open(path) as image:
            if (
                image.format in _PLAIN_FORMATS
                and image.mode in _PLAIN_MODES
                and "icc_profile" not in image.info
                and image.width * image.height <= MAX_PIXELS
            ):
                if short_side is not None:
                    image.draft("RGB", (short_side, short_side))
                image.load()
                return _upright(image).convert("RGB")
    except OSError as error:
        raise MediaError(str(error), path=path) from error
    still = read_image(path)
    if still.damaged:
        raise MediaError("damaged: only a part can be decoded", path=path)
    return Image.fromarray(still.pixels)


def spread_paths(paths: Sequence[Path], count: int) -> list[Path]:
    """Up to ``count`` of some files, evenly spread over them."""
    count = min(count, len(paths))
    return [paths[number * len(paths) // count] for number in range(count)]


def spread(domain: Domain, count: int, short_side: int) -> Iterator[Image.Image]:
    """Those of a domain's images that `spread_paths` gives, scaled to a short side, in mode RGB."""
    for path in spread_paths(domain.paths, count):
        yield scale_to(load_rgb(path, short_side), short_side)


def _upright(image: Image.Image) -> Image.Image:
    if "exif" not in image.info:
        return image
    with _filters_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Damaged EXIF data says nothing against the picture.
        return ImageOps.exif_transpose(image)


def image_files(folder: Path) -> tuple[list[Path], tuple[Path, ...]]:
    """A folder's images, sorted, and the folders below that hold images but were skipped."""
    files: list[Path] = []
    skipped: set[Path] = set()
    try:
        for path in folder.rglob("*"):
            if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith(".") or not path.is_file():
                continue
            parts = path.relative_to(folder).parts[:-1]
            hidden = next((n for n, part in enumerate(parts, 1) if part.startswith(".") or part in _NOBODYS), None)
            if hidden is None:
                files.append(path)
            else:
                skipped.add(folder.joinpath(*parts[:hidden]))
    except OSError as error:
        raise UsageError(f"can't be searched: {error.strerror}", path=folder, hint="Check its permissions") from error
    return sorted(files), tuple(sorted(skipped))


def attempt(see: Callable[[Path], _T], path: Path) -> _T | str:
    """What is seen in a file, or what is wrong with the file, in words."""
    try:
        return see(path)
    except CgtoolError as error:
        return error.message
    except Exception as error:  # a decoder raises whatever the damage leads it to; the file is named to the user
        return f"{type(error).__name__}: {error}"


def _glance(path: Path) -> Glance:
    picture = load_rgb(path)
    with Image.open(path) as file:  # its head alone
        return glance_at(picture, file.mode)


def scale_to(image: Image.Image, short_side: int) -> Image.Image:
    """Scale to a short side in pixels with a bicubic filter that averages when it shrinks; proportions are kept."""
    if min(image.size) == short_side:
        return image
    scale = short_side / min(image.size)
    size = (max(short_side, round(image.width * scale)), max(short_side, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def first_readable(folder: Path, count: int) -> list[Path]:
    """The first images in a folder, by name, that can be decoded; none if there is no such folder."""
    good: list[Path] = []
    for path in image_files(folder)[0] if folder.is_dir() else []:
        if len(good) < count and isinstance(attempt(_glance, path), Glance):
            good.append(path)
    return good


def middle(path: Path, short_side: int, side: int) -> Image.Image:
    """The square of ``side`` px in the middle of an image that is scaled to a short side, in mode RGB."""
    image = scale_to(load_rgb(path, short_side), short_side)
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return image.crop((left, top, left + side, top + side))


def choose_samples(domain: Domain, tests: Domain) -> tuple[Path, ...]:
    """The images of a domain that samples show: the first of its tests, or else of the domain itself."""
    return tests.paths[:SAMPLES] or domain.paths[:SAMPLES]
